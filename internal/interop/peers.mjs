// The peers of npm as an HTTP server, like goPeers in peers_test.go:
// POST /NAME/verify answers 204 or 401, POST /NAME/sign answers the signature.
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { createServer } from "node:http";
import { Webhook as StandardWebhooks } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const secret = process.env.WEBHOOK_SECRET;
const make = (Webhook) =>
  secret.startsWith("whsec_") ? new Webhook(secret) : new Webhook(Buffer.from(secret), { format: "raw" });
const peers = { standardwebhooks: make(StandardWebhooks), svix: make(Svix) };

// The two libraries do not know v1a; node's crypto does ed25519. The keys are
// whsk_ and whpk_ with base64: a private one is the seed and the public one.
if (process.env.SIGNING_KEY) {
  const bytes = Buffer.from(process.env.SIGNING_KEY.slice("whsk_".length), "base64");
  const [d, x] = [bytes.subarray(0, 32).toString("base64url"), bytes.subarray(32).toString("base64url")];
  const privateKey = createPrivateKey({ key: { kty: "OKP", crv: "Ed25519", d, x }, format: "jwk" });
  const given = Buffer.from(process.env.PUBLIC_KEY.slice("whpk_".length), "base64").toString("base64url");
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: given }, format: "jwk" });
  peers.ed25519 = {
    sign: (id, at, body) =>
      "v1a," + sign(null, Buffer.from(`${id}.${Math.floor(at / 1000)}.${body}`), privateKey).toString("base64"),
    verify: (body, headers) => {
      const message = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
      const entries = (headers["webhook-signature"] ?? "").split(" ").map((entry) => entry.split(","));
      if (!entries.some(([version, text]) => version === "v1a" && verify(null, message, publicKey, Buffer.from(text, "base64")))) {
        throw new Error("no v1a entry verifies");
      }
    },
  };
}

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
