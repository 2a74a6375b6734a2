// Serves a Next route handler, the file of the first argument, without Next: a
// route handler takes a standard Request and returns a standard Response.
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";

const route = await import(pathToFileURL(process.argv[2]));

createServer(async (req, res) => {
  const request = new Request(`http://${req.headers.host}${req.url}`, {
    method: req.method,
    headers: req.headers,
    body: Readable.toWeb(req),
    duplex: "half",
  });
  const response = await route[req.method](request);
  res.writeHead(response.status).end(Buffer.from(await response.arrayBuffer()));
}).listen(process.env.PORT, "127.0.0.1");
