/** Entry of every supervised process: `node service.ts NAME HOME`. Never run by hand. */
import { serve } from "./serve.ts";
import type { ServiceName } from "./supervisor/users.ts";

if (!process.send) {
  process.stderr.write("This program is run by `nemoclaw start`, not by hand.\n");
  process.exit(64);
}
await serve(process.argv[2] as ServiceName);
