//! Ctrl-C and SIGTERM: while a model is trained, the first one asks for a checkpoint and a tidy end; at any other time, and the
//! second time, the process ends at once. Stages make their folders visible by a rename, so that nothing half made is left.

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use twinspire_core::CoreError;

/// Ctrl-C and SIGTERM, from now on; they do not end the process any more by themselves.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens; called within a tokio runtime.
    ///
    /// # Errors
    /// What the system says.
    pub fn listen() -> Result<Self, CliError> {
        let listen = |kind| signal(kind).map_err(|error| CoreError::io("signals", error));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Done with the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// What a signal does to a long command.
pub struct Interrupt {
    output: Output,
    shared: Arc<Shared>,
    /// Is somebody listening already?
    listening: Mutex<bool>,
}

#[derive(Default)]
struct Shared {
    /// Is there work that ends tidily?
    tidy: AtomicBool,
    stop: AtomicBool,
}

impl Interrupt {
    /// Nobody listens until there is work to end tidily.
    pub fn new(output: Output) -> Self {
        Self { output, shared: Arc::default(), listening: Mutex::new(false) }
    }

    /// Runs work that ends soon after the flag that it is given becomes true.
    ///
    /// # Errors
    /// Those of `work`; signals that cannot be listened to.
    pub fn during<T>(&self, work: impl FnOnce(&AtomicBool) -> Result<T, CliError>) -> Result<T, CliError> {
        self.listen()?;
        self.shared.tidy.store(true, Ordering::SeqCst);
        let done = work(&self.shared.stop);
        self.shared.tidy.store(false, Ordering::SeqCst);
        done
    }

    fn listen(&self) -> Result<(), CliError> {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if *listening {
            return Ok(());
        }
        let runtime = Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(|error| CoreError::io("thread of signals", error))?;
        let mut signals = runtime.block_on(async { Signals::listen() })?;
        let (shared, output) = (Arc::clone(&self.shared), self.output);
        std::thread::spawn(move || {
            runtime.block_on(async {
                signals.next().await;
                if shared.tidy.load(Ordering::SeqCst) {
                    shared.stop.store(true, Ordering::SeqCst);
                    output.talk("stopping after this step; once more ends at once");
                    signals.next().await;
                }
            });
            std::process::exit(i32::from(Exit::Stopped.code()));
        });
        *listening = true;
        Ok(())
    }
}
