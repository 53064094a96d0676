// Activates the packaged extension at $EXTENSION, opens $PROJECT/a.route and prints what was seen as JSON.
const fs = require("fs");
const Module = require("module");
const api = require("./vscode.js");

const load = Module._load;
Module._load = (name, ...all) => (name === "vscode" ? api : load(name, ...all));
const extension = require(process.env.EXTENSION);

async function main() {
  await extension.activate({ subscriptions: [], asAbsolutePath: (path) => path });
  const path = `${process.env.PROJECT}/a.route`;
  const text = fs.readFileSync(path, "utf8");
  const file = { uri: api.Uri.file(path), fileName: path, languageId: "route", version: 1, lineCount: text.split("\n").length, getText: () => text };
  api.workspace.textDocuments.push(file);
  api.workspace.onDidOpenTextDocument.fire(file);
  const deadline = Date.now() + 60000;
  while (!api.seen.problems.length && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  const problems = api.seen.problems.map((each) => [each.code && each.code.value ? each.code.value : each.code, each.range.start.line + 1]);
  await extension.deactivate();
  console.log(JSON.stringify({ problems, errors: api.seen.errors, providers: Object.keys(api.seen.providers) }));
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
