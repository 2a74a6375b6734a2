// webhook.mjs
import { Webhook } from "standardwebhooks";

const secret = process.env.WEBHOOK_SECRET;

// Text without whsec_ is the key itself. Buffer.from, because the library does
// not encode text as UTF-8.
export const webhook = secret.startsWith("whsec_")
  ? new Webhook(secret)
  : new Webhook(Buffer.from(secret), { format: "raw" });
