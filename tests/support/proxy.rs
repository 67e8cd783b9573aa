//! What listens on loopback. One port speaks HTTP and TLS, and is a proxy: a client that asks
//! for `CONNECT host:443` or `GET http://host/…` reaches the services under that host's name, so the
//! real host names of AWS lead here without any endpoint override.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{
    Response,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{
    aws::{self, Reply, Request, calls::Call, faults::Fault},
    loopback::State,
    sigv4,
};

/// Serves connections until the runtime ends.
pub async fn serve(listener: std::net::TcpListener, state: Arc<State>) {
    let listener = TcpListener::from_std(listener).expect("the listener does not block");
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        state.accepted.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            // A client that goes away in the middle is no fault of ours.
            drop(welcome(stream, state).await);
        });
    }
}

/// Finds out what a client speaks by its first bytes.
async fn welcome(mut stream: TcpStream, state: Arc<State>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0; 8];
    let mut seen = stream.peek(&mut first).await?;
    while seen < first.len() && b"CONNECT ".starts_with(&first[..seen]) && seen > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await; // the rest is on its way
        seen = stream.peek(&mut first).await?;
    }
    if first != *b"CONNECT " {
        return speak(stream, state, false).await;
    }
    let host = read_connect(&mut stream).await?;
    state.tunnels.lock().expect("no holder panics").push(host);
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    speak(stream, state, true).await
}

/// Reads the head of a CONNECT request and gives its `host:port`.
async fn read_connect(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
        if head.len() > 16 * 1024 {
            return Err(std::io::Error::other("the head of a CONNECT request is too long"));
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    Ok(head.split(' ').nth(1).unwrap_or_default().to_ascii_lowercase())
}

/// TLS or not, by the first byte, which is a handshake's (RFC 8446, 5.1: 22).
async fn speak(stream: TcpStream, state: Arc<State>, proxied: bool) -> std::io::Result<()> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    if first == [22] {
        let stream = TlsAcceptor::from(Arc::clone(&state.tls.config)).accept(stream).await?;
        answer_all(stream, state, proxied, true).await;
    } else {
        answer_all(stream, state, proxied, false).await;
    }
    Ok(())
}

async fn answer_all<S>(stream: S, state: Arc<State>, proxied: bool, tls: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(answer(request, &state, proxied, tls).await) }
    });
    // Ends with an error when the client, or a fault, cuts the connection.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

/// Reads, logs and answers one request.
async fn answer(request: hyper::Request<Incoming>, state: &State, proxied: bool, tls: bool) -> Response<Answer> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let in_header = head.headers.get("host").and_then(|host| host.to_str().ok());
    let authority =
        head.uri.authority().map(|host| host.as_str()).or(in_header).unwrap_or_default().to_ascii_lowercase();
    let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host).to_owned();
    let request = Request {
        host,
        authority,
        method: head.method.to_string(),
        path: head.uri.path().into(),
        query: head.uri.query().unwrap_or_default().into(),
        proxied: proxied || head.uri.authority().is_some(),
        headers: head.headers,
        body,
        tls,
    };
    let claimed = state.services.iter().find_map(|service| Some((service, service.operation(&request)?)));
    let access_key_id = sigv4::Claim::read(&request).ok().map(|claim| claim.access_key_id);
    let signer = access_key_id.as_ref().and_then(|id| state.iam.credential(id));
    let place = state.calls.came(Call {
        service: claimed.as_ref().map_or("unknown", |(service, _)| service.name()).into(),
        operation: claimed.as_ref().map_or("unknown".into(), |(_, operation)| operation.clone()),
        host: request.host.clone(),
        access_key_id,
        principal: signer.map(|signer| signer.principal.arn),
        path: match request.query.as_str() {
            "" => request.path.clone(),
            query => format!("{}?{query}", request.path),
        },
        method: request.method.clone(),
        proxied: request.proxied,
        authorization: request.headers.contains_key("authorization"),
        user_agent: request.header("user-agent").unwrap_or_default().into(),
        status: None,
    });
    let Some((service, operation)) = claimed else {
        state.calls.answered(place, Some(404));
        let body = format!("loopback: nobody here answers {} {}{}\n", request.method, request.authority, request.path);
        return respond(Reply::of(404, "text/plain", body), Then::End);
    };
    let (fault, delay) = state.faults.next(service.name(), &operation);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if fault == Some(Fault::Silent) {
        state.calls.answered(place, None);
        std::future::pending::<()>().await;
    }
    let reply = aws::answer(state, service.as_ref(), &operation, &request, fault.clone());
    let reply = match &fault {
        Some(fault) => fault.spoil(reply),
        None => reply,
    };
    state.calls.answered(place, Some(reply.status));
    let then = match fault {
        Some(Fault::Cut) => Then::Flush,
        Some(Fault::Endless | Fault::LongRefusal) => Then::Fill { left: u64::MAX },
        Some(Fault::Gigabyte) => Then::Fill { left: 1_000_000_000 },
        Some(Fault::Trickle) => Then::Trickle(Box::pin(tokio::time::sleep(Duration::ZERO))),
        _ => Then::End,
    };
    respond(reply, then)
}

fn respond(reply: Reply, then: Then) -> Response<Answer> {
    let mut response = Response::builder().status(reply.status);
    let own_length = reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    let length = match then {
        Then::End => Some(reply.body.len() as u64),
        // A body that breaks off is one byte short at least, or there would be nothing to break.
        Then::Flush | Then::Break => Some(reply.body.len() as u64 + 1),
        Then::Fill { left: u64::MAX } | Then::Trickle(_) => None, // it is sent in chunks
        Then::Fill { left } => Some(reply.body.len() as u64 + left),
    };
    if let Some(length) = length.filter(|_| !own_length) {
        response = response.header("content-length", length);
    }
    let half = if matches!(then, Then::Flush) { reply.body.len() / 2 } else { reply.body.len() };
    let body = Answer { rest: Some(reply.body.slice(..half)), then };
    response.body(body).expect("the services write valid headers")
}

/// A body that can break off, or go on and on.
struct Answer {
    rest: Option<Bytes>,
    then: Then,
}

/// What follows the bytes.
enum Then {
    End,
    /// Gives the first half a turn to leave, then breaks off.
    Flush,
    Break,
    /// Sends so many bytes more.
    Fill {
        /// They.
        left: u64,
    },
    /// Sends a byte, and waits.
    Trickle(Pin<Box<tokio::time::Sleep>>),
}

/// What fills a body: in JSON it is more of no text, in XML as well.
static FILLER: [u8; 64 << 10] = [b'A'; 64 << 10];

impl Body for Answer {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        if let Some(bytes) = self.rest.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.then {
            Then::End => Poll::Ready(None),
            Then::Flush => {
                self.then = Then::Break;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Then::Break => Poll::Ready(Some(Err(std::io::Error::other("cut on purpose")))),
            Then::Fill { left: 0 } => Poll::Ready(None),
            Then::Fill { ref mut left } => {
                let bytes = FILLER.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= bytes as u64;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&FILLER[..bytes])))))
            }
            Then::Trickle(ref mut sleep) => {
                std::task::ready!(sleep.as_mut().poll(context));
                sleep.as_mut().reset(tokio::time::Instant::now() + Duration::from_millis(100));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"A")))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.then, Then::End) && self.rest.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::new() // the header tells the length
    }
}
