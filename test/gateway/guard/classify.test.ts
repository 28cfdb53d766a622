import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  classifyAddress,
  classifyName,
  contains,
  parseCidr,
  parseIp,
} from "../../../src/gateway/egress/guard/index.ts";

/** Each range by its edges, and the neighbours just outside. */
const ADDRESSES: Record<string, string> = {
  "0.0.0.0": "unspecified",
  "0.255.255.255": "unspecified",
  "1.0.0.0": "public",
  "9.255.255.255": "public",
  "10.0.0.0": "private",
  "10.255.255.255": "private",
  "11.0.0.0": "public",
  "100.63.255.255": "public",
  "100.64.0.0": "cgnat",
  "100.127.255.255": "cgnat",
  "100.128.0.0": "public",
  "100.100.100.200": "metadata",
  "126.255.255.255": "public",
  "127.0.0.0": "loopback",
  "127.255.255.255": "loopback",
  "128.0.0.0": "public",
  "168.63.129.15": "public",
  "168.63.129.16": "metadata",
  "169.253.255.255": "public",
  "169.254.0.0": "link_local",
  "169.254.169.254": "metadata",
  "169.254.170.2": "metadata",
  "169.255.0.0": "public",
  "172.15.255.255": "public",
  "172.16.0.0": "private",
  "172.31.255.255": "private",
  "172.32.0.0": "public",
  "192.0.0.0": "reserved",
  "192.0.0.192": "metadata",
  "192.0.1.0": "public",
  "192.0.2.1": "documentation",
  "192.88.99.1": "reserved",
  "192.167.255.255": "public",
  "192.168.0.0": "private",
  "192.168.255.255": "private",
  "192.169.0.0": "public",
  "198.17.255.255": "public",
  "198.18.0.0": "benchmark",
  "198.19.255.255": "benchmark",
  "198.20.0.0": "public",
  "198.51.100.1": "documentation",
  "203.0.113.1": "documentation",
  "223.255.255.255": "public",
  "224.0.0.1": "multicast",
  "239.255.255.255": "multicast",
  "240.0.0.1": "reserved",
  "255.255.255.255": "reserved",
  "::": "unspecified",
  "::1": "loopback",
  "0:0:0:0:0:0:0:1": "loopback",
  "::127.0.0.1": "loopback",
  "::8.8.8.8": "embedded_ipv4",
  "::ffff:127.0.0.1": "loopback",
  "::ffff:7f00:1": "loopback",
  "::ffff:a9fe:a9fe": "metadata",
  "::ffff:10.0.0.1": "embedded_ipv4",
  "::ffff:8.8.8.8": "embedded_ipv4",
  "::ffff:0:7f00:1": "loopback",
  "::ffff:0:808:808": "embedded_ipv4",
  "64:ff9b::a9fe:a9fe": "metadata",
  "64:ff9b::7f00:1": "loopback",
  "64:ff9b::808:808": "embedded_ipv4",
  "64:ff9b:1::a00:1": "embedded_ipv4",
  "64:ff9b:2::1": "reserved",
  "100::1": "reserved",
  "2001:0:7f00:1::": "reserved",
  "2001:0:4136:e378:8000:63bf:80ff:fffe": "loopback", // the client address is stored inverted
  "2001:2::1": "benchmark",
  "2001:10::1": "reserved",
  "2001:20::1": "reserved",
  "2001:1ff:ffff::1": "reserved",
  "2001:200::1": "public",
  "2001:db8::1": "documentation",
  "2002:7f00:1::": "loopback",
  "2002:808:808::": "embedded_ipv4",
  "2606:4700:4700::1111": "public",
  "1fff:ffff::1": "reserved",
  "2000::1": "public",
  "3ffe::1": "public",
  "3fff::1": "documentation",
  "3fff:1000::1": "public",
  "4000::1": "reserved",
  "8000::1": "reserved",
  "fc00::1": "unique_local",
  "fdff::1": "unique_local",
  "fd00:ec2::254": "metadata",
  "fd00:42::42": "metadata",
  "fd20:ce::254": "metadata",
  "fe00::1": "reserved",
  "fe80::1": "link_local",
  "febf::1": "link_local",
  "fec0::1": "site_local",
  "ff02::1": "multicast",
};

const NAMES: Record<string, string> = {
  localhost: "loopback_name",
  "a.localhost": "loopback_name",
  "localhost.localdomain": "loopback_name",
  "metadata.google.internal": "metadata_name",
  metadata: "metadata_name",
  "instance-data": "metadata_name",
  "host.docker.internal": "host_alias",
  "host.openshell.internal": "host_alias",
  "kubernetes.default.svc": "host_alias",
  "a.svc.cluster.local": "private_name",
  intranet: "private_name",
  "git.corp": "private_name",
  "printer.local": "private_name",
  "router.home.arpa": "private_name",
  "127.0.0.1.nip.io": "address_in_name",
  "7f000001.c0a80001.rbndr.us": "address_in_name",
  "localtest.me": "address_in_name",
  "10.0.0.5.example.com": "address_in_name",
  "x.192.168.1.1.y.example.com": "address_in_name",
  "8.8.8.8.example.com": "public",
  "v1.2.3.4.example.com": "public",
  "api.example.com": "public",
  "mylocalhost.com": "public",
  "localhost.example.com": "public",
  "internal.example.com": "public",
  "nip.io.example.com": "public",
};

describe("address classifier", () => {
  for (const [text, expected] of Object.entries(ADDRESSES)) {
    it(`${text} is ${expected}`, () => {
      const ip = parseIp(text);
      assert.ok(ip);
      assert.equal(classifyAddress(ip).class, expected);
    });
  }
});

describe("name classifier", () => {
  for (const [host, expected] of Object.entries(NAMES)) {
    it(`${host} is ${expected}`, () => assert.equal(classifyName(host), expected));
  }
});

describe("addresses and networks", () => {
  it("has one spelling per address", () => {
    for (const bad of [
      "1.2.3",
      "1.2.3.4.5",
      "01.2.3.4",
      "1.2.3.256",
      "1.2.3.4 ",
      "0x1.2.3.4",
      "",
      ":",
      ":::",
      "1::2::3",
    ]) {
      assert.equal(parseIp(bad), undefined, bad);
    }
    for (const bad of [
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "::1%lo",
      "g::",
      "12345::",
      "1.2.3.4::",
      "::1.2.3.4:5",
      "::256.1.1.1",
    ]) {
      assert.equal(parseIp(bad), undefined, bad);
    }
    assert.equal(parseIp("0:0:1:0:0:0:0:1")?.text, "0:0:1::1");
    assert.equal(parseIp("1:0:2:3:4:5:6:7")?.text, "1:0:2:3:4:5:6:7");
  });
  it("refuses networks with host bits, odd prefixes and junk", () => {
    for (const bad of [
      "10.0.0.1/8",
      "10.0.0.0/33",
      "10.0.0.0/08",
      "10.0.0.0/",
      "10.0.0.0/8/8",
      "fc00::/129",
      "x/8",
      "/8",
    ]) {
      assert.equal(parseCidr(bad), undefined, bad);
    }
    const network = parseCidr("10.16.0.0/12");
    assert.ok(network);
    assert.ok(contains(network, parseIp("10.31.255.255")!));
    assert.ok(!contains(network, parseIp("10.32.0.0")!));
    assert.ok(!contains(network, parseIp("::ffff:10.16.0.1")!));
    assert.ok(contains(parseCidr("0.0.0.0/0")!, parseIp("8.8.8.8")!));
  });
});
