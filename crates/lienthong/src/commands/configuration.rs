//! `lienthong config`: the documented defaults, or a file for a trial on one machine.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::Context;
use crate::config::{DEFAULT_TEXT, Role, compact_text};
use crate::out::{say, trouble};

/// What is wanted.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["print_default", "write"]))]
pub struct ConfigArgs {
    /// In mọi giá trị mặc định kèm giải thích · print every default with its explanation
    #[arg(long)]
    print_default: bool,
    /// Viết tệp cấu hình mới cho một máy thử · write a new file for a trial on one machine
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Các vai trò · roles
    #[arg(long, value_delimiter = ',', default_value = "gateway")]
    roles: Vec<Role>,
    /// Cổng mạng đầu tiên; mười cổng liền nhau được dùng · first port; ten in a row are used
    #[arg(long, default_value_t = 20_000)]
    base_port: u16,
}

/// Carries it out.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn run(context: &Context, args: &ConfigArgs) -> anyhow::Result<()> {
    let (out, lang) = (context.out, context.out.lang);
    let Some(path) = &args.write else {
        out.raw(DEFAULT_TEXT.as_bytes());
        return Ok(());
    };
    let name = path.display();
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = std::fs::File::create_new(path)?;
        file.write_all(compact_text(&args.roles, args.base_port).as_bytes())
    };
    write().context(trouble!("Không viết được {name}", "Cannot write {name}"))?;
    out.done(say!(lang, "Đã viết {name}", "Wrote {name}"));
    let first = match args.roles.first() {
        Some(Role::Pki) => "pki init",
        Some(Role::Central) => "central init",
        _ => "gateway init",
    };
    out.next(say!(lang, "Tiếp theo: lienthong -c {name} {first} …", "Next: lienthong -c {name} {first} …"));
    Ok(())
}
