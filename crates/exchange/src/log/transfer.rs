//! Hands finished archive files to the operator's transfer command. A file is handed over again until the command succeeds.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use super::archive::{IN_PLACE, TRANSFERRED, files_in_state, set_state};
use super::error::LogError;
use super::message_log::Inner;

/// A transfer command that takes longer is stopped and tried again later.
const PATIENCE: Duration = Duration::from_secs(600);

/// Transfers what is in place. A failing command is noted, not an error: archiving goes on, the files wait.
pub(super) async fn transfer_pending(inner: &Inner, folder: &Path) -> Result<(), LogError> {
    let command = inner.settings.load().archive_transfer_command.clone();
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    for file in files_in_state(inner, IN_PLACE).await? {
        let outcome = run(program, arguments, &folder.join(&file)).await;
        inner.progress.lock().transfer_error = outcome.as_ref().err().map(|reason| format!("{file}: {reason}"));
        match outcome {
            Ok(()) => set_state(inner, &file, TRANSFERRED).await?,
            Err(reason) => {
                tracing::warn!(archive.file = file, reason, "the archive transfer command failed");
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn run(program: &str, arguments: &[String], file: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).arg(file).stdin(std::process::Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(PATIENCE, command.output()).await {
        Err(_) => Err(format!("not finished after {} seconds", PATIENCE.as_secs())),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let complaint: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(300).collect();
            Err(format!("{}: {complaint}", output.status))
        }
    }
}
