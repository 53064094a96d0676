//! Starts `falco-bridge lsp` for .route files.

use zed_extension_api::{self as zed, settings::LspSettings, Command, LanguageServerId, Result, Worktree};

struct FalcoBridge;

impl zed::Extension for FalcoBridge {
    fn new() -> Self {
        Self
    }

    /// The command of the setting `lsp.falco-bridge.binary`, or the program on the PATH of the project's shell.
    fn language_server_command(&mut self, server: &LanguageServerId, worktree: &Worktree) -> Result<Command> {
        let binary = LspSettings::for_worktree(server.as_ref(), worktree)?.binary;
        let (path, arguments, env) = match binary {
            Some(binary) => (binary.path, binary.arguments, binary.env),
            None => (None, None, None),
        };
        let command = path.or_else(|| worktree.which("falco-bridge")).ok_or(
            "falco-bridge is not on PATH. Install it with its extra \"lsp\", or set lsp.falco-bridge.binary.path.",
        )?;
        Ok(Command {
            command,
            args: arguments.unwrap_or_else(|| vec!["lsp".into()]),
            env: worktree.shell_env().into_iter().chain(env.unwrap_or_default()).collect(),
        })
    }
}

zed::register_extension!(FalcoBridge);
