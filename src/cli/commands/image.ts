/** `nemoclaw image`: the image that Docker's sandboxes are made of. Uses Docker with the operator's own rights. */
import { Command, Option } from "commander";
import { say } from "../io.ts";

interface ImageOptions {
  socket?: string;
  json?: boolean;
}

/** The command. */
export function imageCommand(): Command {
  const command = new Command("image").description(
    "the image of sandboxes that Docker makes (docs/docker.md)",
  );
  command
    .command("name")
    .description("print the image's name: agent image and Node's version")
    .action(async () => console.log((await import("../../sandbox/index.ts")).agentImage()));
  command
    .command("build")
    .description("assemble the image from this machine's Debian packages; nothing is downloaded")
    .addOption(
      new Option("--from-host", "from this machine's packages (the only way here; elsewhere: docker build)"),
    )
    .option(
      "--socket <path>",
      "Docker's socket (default: NEMOCLAW_DOCKER_SOCKET, DOCKER_HOST, /var/run/docker.sock)",
    )
    .option("--json", "as one JSON object")
    .action(async ({ socket, json }: ImageOptions) => {
      const { agentImage, buildAgentImage } = await import("../../sandbox/index.ts");
      const { NEMOCLAW_DOCKER_SOCKET, DOCKER_HOST, NEMOCLAW_DOCKER_IMAGE, NEMOCLAW_DOCKER_ENGINE } =
        process.env;
      const name = NEMOCLAW_DOCKER_IMAGE || agentImage();
      const began = performance.now();
      say(`· assembling ${name} from this machine's packages …`);
      const node = process.execPath;
      const made = await buildAgentImage(
        {
          socket: socket ?? (NEMOCLAW_DOCKER_SOCKET || DOCKER_HOST || undefined),
          engine: NEMOCLAW_DOCKER_ENGINE === "podman" ? "podman" : "docker",
        },
        name,
        node,
      );
      const seconds = Math.round((performance.now() - began) / 100) / 10;
      if (json) console.log(JSON.stringify({ ...made, seconds }));
      else console.log(`${made.name}  ${Math.round(made.bytes / 1e6)} MB  (${seconds} s)`);
    });
  return command;
}
