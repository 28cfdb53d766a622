#!/usr/bin/env bash
# Installs NemoClaw Bridge for the user who runs it: what is missing, then `nemoclaw` and `openshell` in ~/.local/bin.
#
#   ./install.sh                       from a clone, or from an unpacked release
#   ./install.sh --from FILE.tgz       from a release archive (`npm pack`), also by URL
#   ./install.sh --uninstall           removes the commands; data stays (nemoclaw uninstall removes that)
#
# Repeating it is harmless. Nothing outside the home of this user is touched but system packages, which are named first.
set -euo pipefail

readonly NODE_MAJOR=20 # To start with; the service's own Node 24 comes as a package.
readonly NPM_MAJOR=10
readonly NODE_RELEASE=v24.21.0
readonly NODE_DIST=${NEMOCLAW_NODE_DIST:-https://nodejs.org/dist}
readonly BIN="$HOME/.local/bin"
readonly SHARE="$HOME/.local/share/nemoclaw"
readonly PACKAGE=nemoclaw-bridge
readonly MARK_BEGIN='# >>> nemoclaw >>>'
readonly MARK_END='# <<< nemoclaw <<<'
readonly COMMANDS=(nemoclaw openshell)

from=${NEMOCLAW_RELEASE:-}
onboard=yes
assume_yes=no

say() { printf '%s\n' "$*" >&2; }
info() { say "[INFO]  $*"; }
die() {
  say "[ERROR] $1"
  shift
  local line
  for line in "$@"; do say "        → $line"; done
  exit 1
}

usage() { sed -n '2,8s/^# \{0,1\}//p' "$0"; }

# --- this copy -------------------------------------------------------------------------------------------------------

# Folder of this script, or nothing when it comes by a pipe (curl … | bash).
here() {
  local source=${BASH_SOURCE[0]:-}
  [[ -n $source && -f $source ]] || return 0
  (cd "$(dirname "$source")" && pwd -P)
}

is_ours() { [[ -f $1/package.json ]] && grep -q "\"name\": \"$PACKAGE\"" "$1/package.json"; }

# --- Node and system packages ----------------------------------------------------------------------------------------

major_of() { sed -E 's/^v?([0-9]+)\..*$/\1/' <<<"$1"; }

has_node() {
  local node=$1 npm=$2
  command -v "$node" >/dev/null && command -v "$npm" >/dev/null || return 1
  (($(major_of "$("$node" --version)") >= NODE_MAJOR)) && (($(major_of "$("$npm" --version)") >= NPM_MAJOR))
}

# Puts a Node of ours on PATH where the system has none that will do.
ensure_node() {
  has_node node npm && return
  PATH="$SHARE/node/bin:$PATH"
  export PATH
  hash -r
  has_node node npm && return
  command -v curl >/dev/null || die "Node.js $NODE_MAJOR or newer is missing, and so is curl to fetch it" \
    "install Node.js $NODE_MAJOR or newer with npm, then run this again" "or: sudo apt-get install curl"
  local arch file sums
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) die "there is no Node.js for $(uname -m)" ;;
  esac
  file=node-$NODE_RELEASE-linux-$arch.tar.gz
  info "fetching Node.js $NODE_RELEASE for this user ($SHARE/node)"
  sums=$(curl -fsSL "$NODE_DIST/$NODE_RELEASE/SHASUMS256.txt") ||
    die "Node.js can't be fetched from $NODE_DIST" "install Node.js $NODE_MAJOR or newer by hand"
  curl -fsSL -o "$work/$file" "$NODE_DIST/$NODE_RELEASE/$file" || die "Node.js can't be fetched from $NODE_DIST"
  (cd "$work" && grep " $file\$" <<<"$sums" | sha256sum --check --status) ||
    die "$file is not what $NODE_DIST lists: its sha256 differs"
  mkdir -p "$work/node" "$SHARE"
  tar -xzf "$work/$file" -C "$work/node" --strip-components=1
  rm -rf "$SHARE/node"
  mv "$work/node" "$SHARE/node"
  hash -r
  has_node node npm || die "the fetched Node.js does not run here"
}

# bubblewrap, redis-server, … by the same code that `nemoclaw start` uses. $1: folder of the package.
ensure_programs() {
  local code='const { ensurePrograms, RUN_PROGRAMS } = await import(process.argv[1] + "/scripts/lib/debian.mjs");
    const { die } = await import(process.argv[1] + "/scripts/lib/say.mjs");
    await ensurePrograms(RUN_PROGRAMS, { yes: process.argv[2] === "yes" }).catch(die);'
  node --input-type=module -e "$code" "$1" "$assume_yes" ||
    say "[WARN]  go on without them; nemoclaw start asks for them again"
}

# --- the commands ----------------------------------------------------------------------------------------------------

# A clone is used where it lies; its npm packages come with the first command.
install_clone() {
  info "using the clone in $1"
  ensure_programs "$1"
  "$1/bin/nemoclaw" --version >/dev/null || die "the clone's packages could not be installed"
  link_commands "$1/bin"
}

# A release goes into a folder of its own, and becomes the current one when it is complete.
install_release() {
  local archive=$1 digest target version
  digest=$(sha256sum "$archive" | cut -c1-12)
  target=$SHARE/versions/$digest
  if [[ ! -e $target/complete ]]; then
    info "installing the release ($digest)"
    rm -rf "$target"
    mkdir -p "$target"
    npm install --prefix "$target" --omit=dev --include=optional --ignore-scripts --no-audit --no-fund \
      --no-update-notifier --loglevel=error "$archive" >&2 ||
      die "npm could not install the release" "look at npm's message; then run this again"
    touch "$target/complete"
  fi
  local package=$target/node_modules/$PACKAGE
  [[ -x $package/bin/nemoclaw ]] || die "$archive is no release of $PACKAGE"
  ensure_programs "$package"
  version=$("$package/bin/nemoclaw" --version) || die "the release does not run here"
  ln -sfn "versions/$digest" "$SHARE/current.new"
  mv -Tf "$SHARE/current.new" "$SHARE/current"
  link_commands "$SHARE/current/node_modules/$PACKAGE/bin"
  remove_old_versions "$digest"
  info "version $version is in $SHARE"
}

# A running service may still use the one before: the last two are kept.
remove_old_versions() {
  local name kept=0
  while IFS= read -r name; do
    [[ $name == "$1" ]] && continue
    kept=$((kept + 1))
    ((kept <= 1)) || rm -rf "${SHARE:?}/versions/$name"
  done < <(ls -t "$SHARE/versions")
}

# $1: folder of the programs. With a Node of ours they need its path.
link_commands() {
  local name target
  mkdir -p "$BIN"
  for name in "${COMMANDS[@]}"; do
    target=$BIN/$name
    if [[ -e $target || -L $target ]] && ! is_our_command "$target"; then
      die "$target is another program" "move it away, then run this again"
    fi
    rm -f "$target"
    if [[ $(command -v node) == "$SHARE/node/bin/node" ]]; then
      # shellcheck disable=SC2016 # The wrapper is to expand it.
      printf '#!/bin/sh\n%s\nPATH="%s/node/bin:$PATH" exec "%s/%s" "$@"\n' "$MARK_BEGIN" "$SHARE" "$1" "$name" >"$target"
      chmod 755 "$target"
    else
      ln -s "$1/$name" "$target"
    fi
  done
}

is_our_command() {
  if [[ -L $1 && -e $1 ]]; then
    is_ours "$(dirname "$(readlink -f "$1")")/.."
  elif [[ -L $1 ]]; then
    # Into nowhere: a clone or version of ours that is gone.
    [[ $(readlink "$1") == */bin/$(basename "$1") ]]
  else
    grep -qF "$MARK_BEGIN" "$1" 2>/dev/null
  fi
}

# --- the shell -------------------------------------------------------------------------------------------------------

# shellcheck disable=SC2016 # The rc file is to expand it.
readonly RC_LINE='case ":$PATH:" in *":$HOME/.local/bin:"*) ;; *) export PATH="$HOME/.local/bin:$PATH" ;; esac'

rc_files() {
  local shell
  shell=$(basename "${SHELL:-bash}")
  [[ $shell == bash || -e $HOME/.bashrc ]] && printf '%s\n' "$HOME/.bashrc"
  [[ $shell == zsh || -e $HOME/.zshrc ]] && printf '%s\n' "$HOME/.zshrc"
  return 0
}

add_to_shells() {
  local file
  while IFS= read -r file; do
    grep -qF "$MARK_BEGIN" "$file" 2>/dev/null && continue
    printf '\n%s\n%s\n%s\n' "$MARK_BEGIN" "$RC_LINE" "$MARK_END" >>"$file"
  done < <(rc_files)
}

remove_from_shells() {
  local file
  for file in "$HOME/.bashrc" "$HOME/.zshrc"; do
    grep -qF "$MARK_BEGIN" "$file" 2>/dev/null || continue
    # Written through, so that a link stays a link; the empty line before the block is ours too.
    sed -e "/^$MARK_BEGIN\$/,/^$MARK_END\$/d" "$file" | sed -e '${/^$/d;}' >"$work/rc"
    cat "$work/rc" >"$file"
  done
}

tell_shells() {
  if [[ :${ORIGINAL_PATH}: == *":$BIN:"* ]]; then
    info "installed: nemoclaw --version"
    return
  fi
  info "installed. In shells that are open already, say first:"
  case $(basename "${SHELL:-}") in
    zsh) say "          source ~/.zshrc" ;;
    bash) say "          source ~/.bashrc" ;;
    *) say "          source ~/.bashrc   # bash" && say "          source ~/.zshrc    # zsh" ;;
  esac
  info "or use the full path: ~/.local/bin/nemoclaw --version"
}

# --- all of it -------------------------------------------------------------------------------------------------------

uninstall() {
  local name
  for name in "${COMMANDS[@]}"; do
    if [[ -e $BIN/$name || -L $BIN/$name ]] && is_our_command "$BIN/$name"; then rm -f "$BIN/$name"; fi
  done
  remove_from_shells
  rm -rf "$SHARE"
  info "the commands are gone. Data stays: ${NEMOCLAW_HOME:-~/.nemoclaw (as root /var/lib/nemoclaw)}"
}

main() {
  local uninstalling=no root
  while (($# > 0)); do
    case $1 in
      --from)
        (($# > 1)) || die "--from needs a file or URL"
        from=$2
        shift
        ;;
      --from=*) from=${1#--from=} ;;
      --no-onboard) onboard=no ;;
      -y | --yes) assume_yes=yes ;;
      --uninstall) uninstalling=yes ;;
      -h | --help) usage && exit 0 ;;
      *)
        say "[ERROR] unknown option $1"
        say "        → ./install.sh --help"
        exit 2
        ;;
    esac
    shift
  done
  ORIGINAL_PATH=$PATH
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  if [[ $uninstalling == yes ]]; then
    uninstall
    return
  fi
  [[ $(uname -s) == Linux ]] || die "this needs Linux" "macOS: a Linux machine by Colima; Windows: WSL2"
  root=$(here)
  ensure_node
  if [[ -n $from ]]; then
    install_from "$from"
  elif [[ -n $root && -d $root/src/cli ]] && is_ours "$root"; then
    install_clone "$root"
  elif [[ -n $root && -d $root/dist/cli ]] && is_ours "$root"; then
    npm pack --silent --ignore-scripts --pack-destination "$work" "$root" >/dev/null
    install_release "$(echo "$work"/*.tgz)"
  else
    die "there is nothing to install beside this script" "say which release: --from FILE.tgz or --from URL"
  fi
  add_to_shells
  tell_shells
  # With `curl … | bash` standard input is this script: the terminal itself is asked.
  if [[ $onboard == yes && -t 1 && -t 2 ]] && { : </dev/tty; } 2>/dev/null; then
    "$BIN/nemoclaw" onboard </dev/tty
  else
    info "next: nemoclaw onboard"
  fi
}

install_from() {
  local archive=$1
  if [[ $archive == http://* || $archive == https://* ]]; then
    command -v curl >/dev/null || die "curl is missing" "sudo apt-get install curl"
    curl -fsSL -o "$work/release.tgz" "$archive" || die "$archive can't be fetched"
    archive=$work/release.tgz
  fi
  [[ -f $archive ]] || die "there is no file $archive"
  install_release "$(readlink -f "$archive")"
}

main "$@"
