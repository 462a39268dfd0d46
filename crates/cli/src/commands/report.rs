//! `twinspire report`: the figures that were stored with a run or a bundle.

use super::CommandContext;
use crate::arguments::ReportArguments;
use crate::error::CliError;
use crate::output::Reply;
use crate::pipeline::{Run, report_lines};
use std::path::Path;
use twinspire_core::bundle::{bundles_folder, check_bundle_id, file};
use twinspire_core::stage::read_json;
use twinspire_core::vfs::write_file;
use twinspire_retrieval::{Report, evaluate::report_page};

/// Prints the report, and writes it as a page.
///
/// # Errors
/// A run or bundle without a report; I/O.
pub fn run(context: &CommandContext<'_>, arguments: &ReportArguments) -> Result<Reply, CliError> {
    let config = context.config()?;
    let (title, report) = match &arguments.bundle {
        Some(bundle_id) => {
            check_bundle_id(bundle_id)?;
            let path = bundles_folder(config.base_dir()).join(bundle_id).join(file::REPORT);
            (format!("bundle {bundle_id}"), read_json::<Report>(context.vfs, &path)?)
        }
        None => {
            let run = Run::new(context.surroundings(&config), arguments.window.date, arguments.window.days)?;
            (format!("run {}", run.date()), run.stored_report()?)
        }
    };
    let mut lines = vec![format!("== report of {title}")];
    lines.extend(report_lines(&report));
    if let Some(path) = &arguments.html {
        write_page(context, path, &title, &report)?;
        lines.push(format!("page: {}", path.display()));
    }
    Reply::new(lines.join("\n"), &report)
}

fn write_page(context: &CommandContext<'_>, path: &Path, title: &str, report: &Report) -> Result<(), CliError> {
    Ok(write_file(context.vfs, path, report_page(title, report).as_bytes())?)
}
