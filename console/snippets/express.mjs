// express.mjs
import express from "express";
import { webhook } from "./webhook.mjs";

const app = express();

app.post("/hooks", express.raw({ type: "*/*", limit: "1mb" }), (req, res) => {
  let message;
  try {
    message = webhook.verify(req.body, req.headers);
  } catch {
    return res.sendStatus(401);
  }
  console.log(req.headers["webhook-id"], message.event);
  res.sendStatus(204);
});

app.listen(process.env.PORT, "127.0.0.1");
