//! Answers with files, and what faults make of an answer.

use std::io;
use std::time::Duration;

use anyhow::Context;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use serde::Serialize;

use crate::clock::http_date;
use crate::faults::{Fault, RetryAfter};

/// The page that wants a browser before it lets anybody on.
const CHALLENGE: &str = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>\
    <script>window.challenge = true</script>Checking your browser</body></html>";
/// The smallest GIF: one pixel.
const GIF: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
/// Pieces of a trickle.
const PIECES: usize = 16;

/// A file as the boards' file servers send it; 304 where the client has it already.
pub(crate) fn file(bytes: Bytes, content_type: &'static str, modified: i64, tag: &str, asked: &HeaderMap) -> Response {
    let (tag, modified) = (format!("\"{tag}\""), http_date(modified));
    let same = |name: HeaderName, value: &str| {
        asked
            .get(name)
            .is_some_and(|known| known.as_bytes() == value.as_bytes())
    };
    let known = match asked.contains_key(header::IF_NONE_MATCH) {
        true => same(header::IF_NONE_MATCH, &tag),
        false => same(header::IF_MODIFIED_SINCE, &modified),
    };
    let headers = [(header::ETAG, tag), (header::LAST_MODIFIED, modified)];
    if known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    // The length is written by hand: a fault that cuts the body must not correct it.
    let length = [(header::CONTENT_LENGTH, bytes.len().to_string())];
    (headers, length, [(header::CONTENT_TYPE, content_type)], bytes).into_response()
}

/// JSON text with the fields in the order of their declaration.
pub(crate) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("rows are texts and numbers under text keys")
}

/// JSON as the sites send it.
pub(crate) fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], text).into_response()
}

/// Lets an answer meet a fault. `answer` makes the right one where the fault needs it; `refuse` is
/// how the site words a status.
pub(crate) async fn faulty(
    fault: Fault,
    refuse: impl FnOnce(StatusCode) -> Response,
    answer: impl Future<Output = Response>,
) -> anyhow::Result<Response> {
    Ok(match fault {
        Fault::Status(code) => refuse(status(code)?),
        Fault::Busy(code, wait) => busy(refuse(status(code)?), wait),
        // The request told the dialect already.
        Fault::Rows(_) | Fault::Deaf => answer.await,
        Fault::Challenge => (StatusCode::FORBIDDEN, [("cf-mitigated", "challenge")], Html(CHALLENGE)).into_response(),
        Fault::ChallengeAs200 => Html(CHALLENGE).into_response(),
        Fault::Redirect(address) => (StatusCode::FOUND, [(header::LOCATION, address)]).into_response(),
        Fault::Header(name, value) => {
            let mut answer = answer.await;
            answer.headers_mut().insert(name, HeaderValue::from_str(&value)?);
            answer
        }
        Fault::HtmlAsImage => replaced(answer.await, Bytes::from_static(CHALLENGE.as_bytes())),
        Fault::Empty => replaced(answer.await, Bytes::new()),
        Fault::WrongType => replaced(answer.await, Bytes::from_static(GIF)),
        Fault::Half | Fault::BrokenJson => {
            let (answer, whole) = whole(answer.await).await?;
            replaced(answer, whole.slice(..whole.len() / 2))
        }
        Fault::OtherBytes => {
            let (answer, whole) = whole(answer.await).await?;
            // Bytes after the end marker change the checksum and nothing that can be seen.
            replaced(answer, Bytes::from([&whole[..], b"tail"].concat()))
        }
        Fault::Truncated => {
            let (mut answer, whole) = whole(answer.await).await?;
            answer
                .headers_mut()
                .insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
            // In one poll with the error the half would never be flushed, nor the head before it.
            let cut = async {
                tokio::task::yield_now().await;
                Err(io::Error::new(
                    io::ErrorKind::ConnectionReset,
                    "the connection ends here, as asked",
                ))
            };
            let half = Ok(whole.slice(..whole.len() / 2));
            let body = Body::from_stream(stream::iter([half]).chain(stream::once(cut)));
            Response::from_parts(answer.into_parts().0, body)
        }
        Fault::Trickle(pause) => {
            let (answer, whole) = whole(answer.await).await?;
            Response::from_parts(answer.into_parts().0, trickle(whole, pause))
        }
    })
}

fn status(code: u16) -> anyhow::Result<StatusCode> {
    StatusCode::from_u16(code).with_context(|| format!("{code} is no HTTP status"))
}

fn busy(mut answer: Response, wait: RetryAfter) -> Response {
    let wait = match wait {
        RetryAfter::Silent => return answer,
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::Date(from_now) => http_date(Timestamp::now().as_second() + from_now),
    };
    answer.headers_mut().insert(
        header::RETRY_AFTER,
        HeaderValue::from_str(&wait).expect("digits and ASCII words"),
    );
    answer
}

/// The answer and a copy of its body; the headers, Content-Length included, stay as they are.
async fn whole(answer: Response) -> anyhow::Result<(Response, Bytes)> {
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await?;
    Ok((Response::from_parts(parts, Body::empty()), bytes))
}

/// The same headers with another body, whose length is told.
fn replaced(answer: Response, body: Bytes) -> Response {
    let mut parts = answer.into_parts().0;
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Response::from_parts(parts, Body::from(body))
}

fn trickle(whole: Bytes, pause: Duration) -> Body {
    let size = whole.len().div_ceil(PIECES).max(1);
    Body::from_stream(stream::unfold(whole, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(size.min(rest.len()));
        Some((Ok::<_, io::Error>(piece), rest))
    }))
}
