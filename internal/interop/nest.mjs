// Serves a Nest controller, the TypeScript file of the first argument, in the
// application that docs/receiving.md describes: with rawBody.
import "reflect-metadata";
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import ts from "typescript";

const source = process.argv[2];
const { outputText } = ts.transpileModule(await readFile(source, "utf8"), {
  compilerOptions: {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
  },
});
const compiled = source.replace(/\.ts$/, ".mjs");
await writeFile(compiled, outputText);
const { HooksController } = await import(pathToFileURL(compiled));

class AppModule {}
Module({ controllers: [HooksController] })(AppModule);

const app = await NestFactory.create(AppModule, { rawBody: true, logger: ["error"] });
await app.listen(process.env.PORT, "127.0.0.1");
