//! `twinspire serve`: answers over HTTP until it is told to stop.

use super::CommandContext;
use super::recall::open_current;
use crate::arguments::ServeArguments;
use crate::config::{CheckedConfig, Override};
use crate::error::CliError;
use crate::interrupt::Signals;
use crate::output::Reply;
use serde_json::json;
use std::sync::Arc;
use twinspire_core::CoreError;
use twinspire_serve::Server;

/// Serves the current bundle; ends after Ctrl-C or SIGTERM, when the requests that were admitted are answered, half
/// a minute later at most.
///
/// # Errors
/// No bundle is current; it does not open; the port is taken.
pub fn run(context: &CommandContext<'_>, arguments: &ServeArguments) -> Result<Reply, CliError> {
    let listen = arguments.listen.as_ref().map(|listen| Override::flag("--listen", "serve.listen", listen));
    let config = CheckedConfig::load(&context.config_source(listen))?;
    let retriever = Arc::new(open_current(context, &config)?);
    let bundle_id = retriever.bundle().id().to_owned();
    // Answering is computing: requests beyond the number of threads wait in order instead of slowing one another.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.threads())
        .max_blocking_threads(config.threads())
        .enable_all()
        .build()
        .map_err(|error| CoreError::io("threads of the server", error))?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let server = Server::bind(config.serve(), retriever, context.clock).await?;
        let address = server.address();
        context.output.talk(&format!("serving bundle {bundle_id} on http://{address}; Ctrl-C stops"));
        server.run(async move { signals.next().await }).await?;
        Reply::new("stopped", &json!({ "bundle_id": bundle_id, "address": address.to_string() }))
    })
}
