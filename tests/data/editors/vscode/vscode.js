// The part of VS Code's API that the extension and its language client use while one file is open.
class EventEmitter {
  constructor() { this.listeners = []; this.event = (call, self) => { this.listeners.push(self ? call.bind(self) : call); return disposable; }; }
  fire(value) { for (const each of [...this.listeners]) each(value); }
  dispose() {}
}
class Uri {
  constructor(text) { this.text = text; this.scheme = text.split(":")[0]; this.path = this.fsPath = decodeURIComponent(text.replace("file://", "")); }
  toString() { return this.text; }
  with() { return this; }
  static parse(text) { return new Uri(text); }
  static file(path) { return new Uri("file://" + path); }
}
class Position { constructor(line, character) { this.line = line; this.character = character; } }
class Range {
  constructor(a, b, c, d) {
    this.start = typeof a === "number" ? new Position(a, b) : a;
    this.end = typeof a === "number" ? new Position(c, d) : b;
  }
}
class Diagnostic { constructor(range, message, severity) { Object.assign(this, { range, message, severity }); } }
class CodeActionKind {
  constructor(value) { this.value = value; }
  append(part) { return new CodeActionKind(this.value ? `${this.value}.${part}` : part); }
  contains() { return true; }
}
for (const each of ["Empty", "QuickFix", "Refactor", "Source", "SourceFixAll"]) CodeActionKind[each] = new CodeActionKind(each);

const disposable = { dispose() {} };
const seen = { problems: [], errors: [], providers: {} };
const event = () => { const emitter = new EventEmitter(); const subscribe = (...all) => emitter.event(...all); subscribe.fire = (value) => emitter.fire(value); return subscribe; };
// Events that are asked for are made, other names answer with `otherwise`.
const withEvents = (known, otherwise) => new Proxy(known, {
  get(target, name) {
    if (!(name in target)) target[name] = /^on(Did|Will)/.test(String(name)) ? event() : otherwise(String(name));
    return target[name];
  },
});
const log = Object.fromEntries(["append", "appendLine", "show", "clear", "dispose", "info", "error", "warn", "debug", "trace"].map((each) => [each, () => {}]));
const collection = { set: (_uri, problems) => { seen.problems = problems || []; }, delete() {}, clear() {}, dispose() {} };
const known = {
  EventEmitter, Uri, Position, Range, Diagnostic, CodeActionKind, seen, version: "1.82.0",
  Disposable: class { constructor(call) { this.dispose = call || (() => {}); } },
  CancellationTokenSource: class { constructor() { this.token = { isCancellationRequested: false, onCancellationRequested: event() }; } cancel() {} dispose() {} },
  env: { appName: "test", language: "en" },
  commands: { registerCommand: () => disposable, executeCommand: async () => {} },
  languages: withEvents({ match: () => 10, createDiagnosticCollection: () => collection }, (name) => (...all) => { seen.providers[name] = all; return disposable; }),
  workspace: withEvents({
    textDocuments: [], notebookDocuments: [], workspaceFolders: [{ uri: Uri.file(process.env.PROJECT), name: "test", index: 0 }],
    getConfiguration: (section) => ({ get: (name, otherwise) => (section === "falcoBridge" && name === "command" ? JSON.parse(process.env.COMMAND) : otherwise) }),
    createFileSystemWatcher: () => ({ onDidCreate: event(), onDidChange: event(), onDidDelete: event(), dispose() {} }),
    getWorkspaceFolder: () => known.workspace.workspaceFolders[0],
  }, () => undefined),
  window: withEvents({
    visibleTextEditors: [], tabGroups: { all: [], onDidChangeTabs: event(), onDidChangeTabGroups: event() },
    createOutputChannel: () => log,
    showErrorMessage: async (text) => { seen.errors.push(text); },
  }, () => () => disposable),
};
// Other names are classes and enumerations: a class keeps the members of its first argument, an enumeration its names.
module.exports = new Proxy(known, {
  get(target, name) {
    if (typeof name !== "string" || name === "then" || name === "__esModule") return undefined;
    target[name] ??= new Proxy(class { constructor(first) { if (first && typeof first === "object") Object.assign(this, first); } }, {
      get: (self, member) => (member in self || typeof member !== "string" ? self[member] : member),
    });
    return target[name];
  },
});
