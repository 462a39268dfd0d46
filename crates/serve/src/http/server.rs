//! Listening and stopping.

use crate::config::ServeSettings;
use crate::error::{Result, ServeError};
use crate::http::identify::RequestIds;
use crate::http::route::{Shared, router};
use axum::serve::ListenerExt;
use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use twinspire_core::clock::Clock;
use twinspire_retrieval::Retriever;

/// How long admitted requests may take once the server was told to stop.
const DRAIN: Duration = Duration::from_secs(30);

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

    /// Answers until `stop` is done, then finishes the requests that were admitted, for 30 seconds at most: a client that
    /// never ends its request does not hold the server.
    ///
    /// # Errors
    /// [`ServeError::Stopped`].
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        self.run_and_drain(stop, DRAIN).await
    }

    /// [`Server::run`] with another limit.
    pub(crate) async fn run_and_drain(
        self,
        stop: impl Future<Output = ()> + Send + 'static,
        limit: Duration,
    ) -> Result<()> {
        let (says_stop, hears_stop) = oneshot::channel();
        let stop = async move {
            stop.await;
            // Nobody hears it when the server has ended by itself.
            let _ = says_stop.send(());
        };
        // Without it, the end of a long answer may wait for the client's acknowledgement of its beginning.
        let listener = self.listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        let serving = axum::serve(listener, router(self.shared)).with_graceful_shutdown(stop).into_future();
        let drained = async {
            let _ = hears_stop.await;
            tokio::time::sleep(limit).await;
        };
        tokio::select! {
            ended = serving => ended.map_err(ServeError::Stopped),
            () = drained => Ok(()),
        }
    }
}
