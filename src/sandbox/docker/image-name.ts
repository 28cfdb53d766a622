/** The image's name, without any of Docker's libraries. */

/** Raised when what an image holds changes. */
export const RECIPE = 2;

/** The image's name where none is configured. It carries Node's version: another Node is another image. */
export function agentImage(nodeVersion: string = process.version): string {
  return `nemoclaw-agent:node-${nodeVersion.replace(/^v/, "")}-r${RECIPE}`;
}
