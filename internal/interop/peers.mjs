// The peers of npm as an HTTP server, like goPeers in peers_test.go:
// POST /NAME/verify answers 204 or 401, POST /NAME/sign answers the signature.
import { createServer } from "node:http";
import { Webhook as StandardWebhooks } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const secret = process.env.WEBHOOK_SECRET;
const make = (Webhook) =>
  secret.startsWith("whsec_") ? new Webhook(secret) : new Webhook(Buffer.from(secret), { format: "raw" });
const peers = { standardwebhooks: make(StandardWebhooks), svix: make(Svix) };

createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const [, name, action] = req.url.split("/");
  const peer = peers[name];
  if (action === "sign") {
    const at = new Date(Number(req.headers["webhook-timestamp"]) * 1000);
    res.end(peer.sign(req.headers["webhook-id"], at, body.toString()));
    return;
  }
  try {
    peer.verify(body.toString(), req.headers);
    res.writeHead(204).end();
  } catch (error) {
    res.writeHead(401).end(error.message);
  }
}).listen(process.env.PORT, "127.0.0.1");
