//! The `[serve]` section: parsed, then checked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use twinspire_core::check::Faults;

/// Where the server listens and what it accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServeSection {
    /// Address and port, such as `127.0.0.1:8080` or `[::1]:8080`; only loopback addresses are accepted. Port 0 takes a free one.
    pub listen: String,
    /// Largest body of a request in bytes; 1024 to 16777216.
    pub max_body_bytes: usize,
}

impl Default for ServeSection {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8080".into(), max_body_bytes: 1 << 20 }
    }
}

/// Checked settings, which nothing else can build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeSettings {
    listen: SocketAddr,
    max_body_bytes: usize,
}

impl ServeSettings {
    /// Checks the section; `None` after a fault.
    pub fn check(section: &ServeSection, faults: &mut Faults) -> Option<Self> {
        let body = 1024..=16 << 20;
        let size_is_sound = body.contains(&section.max_body_bytes);
        faults.require(size_is_sound, "serve.max_body_bytes", section.max_body_bytes, "1024 to 16777216 bytes");
        let listen = checked_address(&section.listen, faults)?;
        size_is_sound.then_some(Self { listen, max_body_bytes: section.max_body_bytes })
    }

    /// Address and port.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Largest body of a request in bytes.
    pub fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }
}

/// There is no authentication yet, so nothing beyond this machine may reach the server.
fn checked_address(text: &str, faults: &mut Faults) -> Option<SocketAddr> {
    let Ok(address) = text.parse::<SocketAddr>() else {
        faults.push("serve.listen", text, "not an address with a port", "write for example 127.0.0.1:8080");
        return None;
    };
    if !address.ip().is_loopback() {
        let reason = "this server has no authentication yet and listens on loopback addresses only";
        faults.push("serve.listen", text, reason, format!("use 127.0.0.1:{}", address.port()));
        return None;
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listen: &str) -> Result<ServeSettings, String> {
        let mut faults = Faults::default();
        let section = ServeSection { listen: listen.into(), ..ServeSection::default() };
        let settings = ServeSettings::check(&section, &mut faults);
        settings.ok_or_else(|| faults.into_vec().remove(0).reason)
    }

    #[test]
    fn only_loopback_addresses_with_a_port_are_accepted() {
        assert_eq!(check("127.0.0.1:0").unwrap().listen().port(), 0);
        assert!(check("[::1]:8080").is_ok() && check("127.8.9.1:8080").is_ok());
        for beyond in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:80"] {
            assert!(check(beyond).unwrap_err().contains("loopback"), "{beyond}");
        }
        for broken in ["localhost", "127.0.0.1", ":8080", ""] {
            assert!(check(broken).unwrap_err().contains("port"), "{broken}");
        }
    }

    #[test]
    fn a_body_limit_outside_its_range_is_a_fault() {
        for max_body_bytes in [0, 1023, (16 << 20) + 1] {
            let mut faults = Faults::default();
            let section = ServeSection { max_body_bytes, ..ServeSection::default() };
            assert!(ServeSettings::check(&section, &mut faults).is_none());
            assert_eq!(faults.into_vec()[0].key, "serve.max_body_bytes");
        }
    }
}
