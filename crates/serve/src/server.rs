//! Listening and stopping.

use crate::config::ServeSettings;
use crate::error::{Result, ServeError};
use crate::identify::RequestIds;
use crate::route::{Shared, router};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use twinspire_core::clock::Clock;
use twinspire_retrieval::Retriever;

/// A server that holds its port and is ready to answer.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Takes the port. The retriever was opened whole, so the server is ready as soon as it listens.
    ///
    /// # Errors
    /// [`ServeError::Bind`].
    pub async fn bind(settings: &ServeSettings, retriever: Arc<Retriever>, clock: &dyn Clock) -> Result<Self> {
        let address = settings.listen();
        let refused = |source| ServeError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let ids = RequestIds::new(clock.now_micros());
        let shared = Arc::new(Shared { retriever, ids, max_body_bytes: settings.max_body_bytes() });
        Ok(Self { listener, address, shared })
    }

    /// Where it listens; the port is known even if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is done, then finishes the requests that were admitted.
    ///
    /// # Errors
    /// [`ServeError::Stopped`].
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let serving = axum::serve(self.listener, router(self.shared)).with_graceful_shutdown(stop);
        serving.await.map_err(ServeError::Stopped)
    }
}
