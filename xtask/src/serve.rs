//! A small server for static files, with the headers that a page needs to use threads (cross-origin isolation).

use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context, Result, bail};
use easel_console::{print, tell};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;
use tower_http::services::ServeFile;
use tower_http::services::fs::ServeFileSystemResponseBody;

/// How many ports above the requested one are tried.
const PORTS: u16 = 20;

/// A client is disconnected if it sends no request for so long, or reads nothing of a response.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait after a connection could not be accepted: the system may be out of file descriptors.
const RETRY: Duration = Duration::from_millis(50);

/// `cargo xtask serve`: prints the address and serves a folder on this machine until interrupted.
pub fn run(folder: &Path, port: u16) -> Result<()> {
    let site = Site::new(folder)?;
    let listener = listen(port)?;
    let address = listener.local_addr()?;
    if port != 0 && address.port() != port {
        tell!("serve: port {port} is in use");
    }
    print(format_args!("http://{address}/  (Ctrl-C ends)\n"))?;
    serve(listener, site)
}

/// Serves each client in a task of its own, so that none waits for another.
fn serve(listener: TcpListener, site: Site) -> Result<()> {
    let site = Arc::new(site);
    listener.set_nonblocking(true)?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(RETRY).await;
                continue;
            };
            let site = site.clone();
            tokio::spawn(async move {
                let mut stream = TimeoutStream::new(stream);
                stream.set_write_timeout(Some(PATIENCE));
                let stream = Box::pin(stream);
                let service = service_fn(|request| answer(&site, request));
                // A connection that is closed early is no error.
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(PATIENCE)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}

/// Listens on the first free port from this one on; on any for 0.
fn listen(port: u16) -> Result<TcpListener> {
    let last = if port == 0 { 0 } else { port.saturating_add(PORTS) };
    for candidate in port..=last {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, candidate)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            other => return other.with_context(|| format!("port {candidate}: cannot listen")),
        }
    }
    bail!("ports {port} to {last}: all in use; choose another with --port")
}

/// A folder of files to serve.
#[derive(Clone)]
struct Site {
    root: PathBuf,
    /// The content security policy in the page's meta element. That does not apply to workers, but a header does.
    policy: Option<HeaderValue>,
}

/// What a URL's path refers to.
#[derive(Debug, PartialEq)]
enum Found {
    File(PathBuf),
    /// A folder without a final slash, which the relative links in its page need.
    Folder,
    Nothing,
}

impl Site {
    fn new(folder: &Path) -> Result<Self> {
        let root = folder.canonicalize().with_context(|| format!("{}: cannot be served", folder.display()))?;
        if !root.is_dir() {
            bail!("{}: not a folder; name one to serve", folder.display());
        }
        let page = fs::read_to_string(root.join("index.html")).unwrap_or_default();
        let policy = page.split_once("http-equiv=\"Content-Security-Policy\" content=\"");
        let policy = policy.and_then(|(_, rest)| HeaderValue::from_str(rest.split_once('"')?.0).ok());
        Ok(Self { root, policy })
    }

    /// The file behind a URL's path. Nothing outside the folder is found, not even through a symbolic link.
    fn find(&self, url: &str) -> Found {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let Some(decoded) = percent_decoded(path) else { return Found::Nothing };
        let mut target = self.root.clone();
        for part in decoded.split('/').filter(|part| !part.is_empty()) {
            if part == ".." || part.contains(['\\', '\0', ':']) {
                return Found::Nothing;
            }
            target.push(part);
        }
        if target.is_dir() {
            if !decoded.ends_with('/') {
                return Found::Folder;
            }
            target.push("index.html");
        }
        match target.canonicalize() {
            Ok(real) if real.is_file() && real.starts_with(&self.root) => Found::File(real),
            _ => Found::Nothing,
        }
    }
}

/// Decodes escapes like `%41`. `None` if one is malformed or the result is not UTF-8.
fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push((digit()? * 16 + digit()?) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

type Body = Either<ServeFileSystemResponseBody, String>;

async fn answer(site: &Site, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut response = match (request.method(), site.find(request.uri().path())) {
        (&Method::GET | &Method::HEAD, Found::File(path)) => {
            let mut response = ServeFile::new(path).oneshot(request).await?.map(Either::Left);
            if let Some(policy) = &site.policy {
                response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy.clone());
            }
            response
        }
        (&Method::GET | &Method::HEAD, Found::Folder) => {
            // Two leading slashes would name another host.
            let location = format!("/{}/", request.uri().path().trim_start_matches('/'));
            text(StatusCode::MOVED_PERMANENTLY, "", HeaderValue::try_from(location).ok().map(|at| (LOCATION, at)))
        }
        (&Method::GET | &Method::HEAD, Found::Nothing) => text(StatusCode::NOT_FOUND, "no such file\n", None),
        _ => {
            let allow = (ALLOW, HeaderValue::from_static("GET, HEAD"));
            text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n", Some(allow))
        }
    };
    for (name, value) in [
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The files are under development.
        (CACHE_CONTROL, "no-cache"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

fn text(status: StatusCode, body: &str, header: Option<(HeaderName, HeaderValue)>) -> Response<Body> {
    let mut response = Response::new(Either::Right(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().extend(header);
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::thread;

    use super::*;

    /// More than a connection buffers.
    const SIZE: usize = 20_000_000;

    fn site() -> (tempfile::TempDir, Site) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("site");
        fs::create_dir_all(root.join("models")).unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        let meta = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'self'\">page";
        fs::write(root.join("index.html"), meta).unwrap();
        fs::write(root.join("models/a b.onnx"), vec![7; SIZE]).unwrap();
        fs::write(root.join("a.js"), "").unwrap();
        fs::write(root.join("a.wasm"), "").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link")).unwrap();
        let site = Site::new(&root).unwrap();
        (folder, site)
    }

    #[test]
    fn nothing_outside_the_folder_is_found() {
        let (_folder, site) = site();
        for url in
            ["/../secret", "/models/../../secret", "/%2e%2e/secret", "/..%2fsecret", "/link", "/%", "/%ff", "/%00"]
        {
            assert_eq!(site.find(url), Found::Nothing, "{url}");
        }
        assert_eq!(site.find("/?a=/.."), Found::File(site.root.join("index.html")));
        assert_eq!(site.find("/models"), Found::Folder);
        assert_eq!(site.find("/models/"), Found::Nothing);
        assert_eq!(site.find("/models/a%20b.onnx"), Found::File(site.root.join("models/a b.onnx")));
    }

    /// Serves the site until the test ends.
    fn address() -> (tempfile::TempDir, SocketAddr) {
        let (folder, site) = site();
        let listener = listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(listener, site));
        (folder, address)
    }

    fn send(address: SocketAddr, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        stream
    }

    /// The head and body of the response to one request.
    fn response(address: SocketAddr, request: &str) -> (String, Vec<u8>) {
        let mut bytes = Vec::new();
        send(address, request).read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        (String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase(), bytes[end..].to_vec())
    }

    #[test]
    fn responses_have_lengths_types_and_the_headers_for_threads() {
        let (_folder, address) = address();
        let (head, body) = response(address, "GET /models/a%20b.onnx?v=1");
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert_eq!(body, vec![7; SIZE]);
        for line in [
            &format!("content-length: {SIZE}"),
            "content-type: application/octet-stream",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-embedder-policy: require-corp",
            "cross-origin-resource-policy: same-origin",
            "content-security-policy: default-src 'self'",
        ] {
            assert!(head.lines().any(|found| found == line), "{line} is not in\n{head}");
        }
        let (head, body) = response(address, "GET /");
        assert!(head.contains("content-type: text/html") && body.ends_with(b"page"), "{head}");
        assert!(response(address, "GET /a.js").0.contains("content-type: text/javascript"));
        assert!(response(address, "GET /a.wasm").0.contains("content-type: application/wasm"));
    }

    #[test]
    fn other_requests_get_the_right_status() {
        let (_folder, address) = address();
        let (head, body) = response(address, "HEAD /models/a%20b.onnx");
        assert!(head.starts_with("http/1.1 200") && head.contains(&format!("content-length: {SIZE}")), "{head}");
        assert!(body.is_empty());
        assert!(response(address, "GET /nothing").0.starts_with("http/1.1 404"));
        assert!(response(address, "GET /link").0.starts_with("http/1.1 404"));
        assert!(response(address, "POST /").0.starts_with("http/1.1 405"));
        for path in ["/models", "//models?v=1"] {
            let (head, _) = response(address, &format!("GET {path}"));
            assert!(head.starts_with("http/1.1 301") && head.contains("location: /models/\r\n"), "{head}");
        }
    }

    #[test]
    fn clients_that_send_or_read_nothing_keep_nobody_waiting() {
        let (_folder, address) = address();
        let _silent: Vec<_> = (0..50).map(|_| TcpStream::connect(address).unwrap()).collect();
        let _deaf: Vec<_> = (0..50).map(|_| send(address, "GET /models/a%20b.onnx")).collect();
        assert_eq!(response(address, "GET /models/a%20b.onnx").1.len(), SIZE);
    }

    #[test]
    fn a_port_in_use_gives_way_to_the_next() {
        let taken = listen(0).unwrap();
        let port = taken.local_addr().unwrap().port();
        if port < u16::MAX - PORTS {
            assert_ne!(listen(port).unwrap().local_addr().unwrap().port(), port);
        }
    }
}
