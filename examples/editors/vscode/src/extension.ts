// Starts `falco-bridge lsp` for .route files.
import { ExtensionContext, window, workspace } from "vscode";
import { LanguageClient } from "vscode-languageclient/node";

let client: LanguageClient | undefined;

async function start(): Promise<void> {
  const [command, ...args] = workspace.getConfiguration("falcoBridge").get<string[]>("command", ["falco-bridge", "lsp"]);
  client = new LanguageClient(
    "falcoBridge",
    "falco-bridge",
    { command, args },
    { documentSelector: [{ language: "route" }] },
  );
  try {
    await client.start();
  } catch (error) {
    window.showErrorMessage(
      `falco-bridge lsp cannot be started (${error}). Install falco-bridge with its extra "lsp", or set falcoBridge.command.`,
    );
  }
}

export async function activate(context: ExtensionContext): Promise<void> {
  context.subscriptions.push(
    workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("falcoBridge.command")) {
        await client?.stop().catch(() => undefined);
        await start();
      }
    }),
  );
  await start();
}

export function deactivate(): Promise<void> | undefined {
  return client?.stop();
}
