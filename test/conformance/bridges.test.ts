/** The conformance suite on both platforms. */

import { discordPlatform } from "./bridge/discord.ts";
import { telegramPlatform } from "./bridge/telegram.ts";
import { bridgeConformance } from "./bridge.ts";

bridgeConformance("telegram", telegramPlatform);
bridgeConformance("discord", discordPlatform);
