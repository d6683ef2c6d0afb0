//! The peer: two nginx in a row, plain HTTP in, mutual TLS 1.3 between them, plain HTTP to the service. No signing, no logging.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Process, output};

/// Common to both: everything stays in memory, nothing is written down, connections are kept.
const COMMON: &str = r#"daemon off;
worker_processes auto;
pid FOLDER/NAME.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path FOLDER/NAME-body;
  proxy_temp_path FOLDER/NAME-proxy;
  fastcgi_temp_path FOLDER/NAME-f; uwsgi_temp_path FOLDER/NAME-u; scgi_temp_path FOLDER/NAME-s;
  client_max_body_size 0;
  client_body_buffer_size 256k;
  proxy_buffers 16 16k;
  proxy_busy_buffers_size 64k;
  keepalive_requests 100000000;
  tcp_nodelay on;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
"#;
const FRONT: &str = r#"  upstream next { server NEXT; keepalive 256; keepalive_requests 100000000; }
  server {
    listen LISTEN;
    location / {
      proxy_pass https://next;
      proxy_ssl_protocols TLSv1.3;
      proxy_ssl_certificate FOLDER/front.pem;
      proxy_ssl_certificate_key FOLDER/front.key;
      proxy_ssl_trusted_certificate FOLDER/back.pem;
      proxy_ssl_verify on;
      proxy_ssl_name back;
    }
  }
}
"#;
const BACK: &str = r#"  upstream next { server NEXT; keepalive 256; keepalive_requests 100000000; }
  server {
    listen LISTEN ssl;
    ssl_protocols TLSv1.3;
    ssl_certificate FOLDER/back.pem;
    ssl_certificate_key FOLDER/back.key;
    ssl_client_certificate FOLDER/front.pem;
    ssl_verify_client on;
    location / { proxy_pass http://next; }
  }
}
"#;

/// The two servers.
pub struct Peer {
    /// Where requests go.
    pub front: Process,
    /// In front of the service.
    pub back: Process,
}

impl Peer {
    /// Starts both; the front listens at `listen`, the back at `between`, the service is at `service`.
    pub fn start(folder: &Path, listen: SocketAddr, between: SocketAddr, service: SocketAddr) -> anyhow::Result<Self> {
        certificate(folder, "front")?;
        certificate(folder, "back")?;
        let mut back = server(folder, "back", BACK, between, service)?;
        let mut front = server(folder, "front", FRONT, listen, between)?;
        back.wait_listening(between)?;
        front.wait_listening(listen)?;
        Ok(Self { front, back })
    }
}

/// Version of the program.
pub fn version() -> String {
    let said = Command::new(program()).arg("-v").output();
    said.map_or_else(|_| "nginx".to_owned(), |said| String::from_utf8_lossy(&said.stderr).trim().to_owned())
}

/// Debian keeps it where only root looks by default.
fn program() -> PathBuf {
    let usual = PathBuf::from("/usr/sbin/nginx");
    if usual.exists() { usual } else { PathBuf::from("nginx") }
}

fn server(folder: &Path, name: &str, own: &str, listen: SocketAddr, next: SocketAddr) -> anyhow::Result<Process> {
    let text = format!("{COMMON}{own}")
        .replace("FOLDER", &folder.display().to_string())
        .replace("NAME", name)
        .replace("LISTEN", &listen.to_string())
        .replace("NEXT", &next.to_string());
    let path = folder.join(format!("{name}.conf"));
    fs::write(&path, text)?;
    let mut command = Command::new(program());
    command.arg("-e").arg("stderr").arg("-p").arg(folder).arg("-c").arg(&path);
    Process::start(&format!("nginx-{name}"), command, folder)
}

fn certificate(folder: &Path, name: &str) -> anyhow::Result<()> {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    command.arg("-subj").arg(format!("/CN={name}")).arg("-addext").arg(format!("subjectAltName=DNS:{name}"));
    command.arg("-keyout").arg(folder.join(format!("{name}.key"))).arg("-out").arg(folder.join(format!("{name}.pem")));
    output(&mut command).map(drop)
}
