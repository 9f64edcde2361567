//! What a service said, in few words, and what to check.

use object_store::Error;

use super::Inner;
use crate::store::StoreError;
use crate::store::error::innermost;

/// Letters of a service's answer that are repeated at most.
const MOST: usize = 300;

impl Inner {
    /// The failure behind an error other than that of an object that is not there.
    pub(super) fn refusal(&self, verb: &'static str, name: impl ToString, error: &Error) -> StoreError {
        let reason = reason(&innermost(error));
        let way_out = match error {
            _ if !self.has_keys => {
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, no profile has them, and the machine has no \
                 role of its own that may do this"
            }
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do in the bucket"
            }
            _ if reason.starts_with("NoSuchBucket") || reason.starts_with("404") => {
                "check the bucket in [store] objects or HEADS_STORE_URL"
            }
            _ => "check s3_endpoint and s3_region in [store], and the network; the same command goes on from here",
        };
        StoreError::Remote {
            place: self.address.to_string(),
            verb,
            name: name.to_string(),
            reason,
            way_out,
        }
    }
}

/// `Code: Message` of the XML that services answer with, or the first line of what else was said. Other parts of
/// that XML repeat the request, its signature included.
fn reason(text: &str) -> String {
    let part = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once('<')?.0.trim())
    };
    let said = match (part("Code"), part("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_string(),
        _ => {
            let text = text.split(['<', '\n']).next().unwrap_or_default();
            let text = text.trim().trim_end_matches(':');
            text.strip_prefix("Server returned non-2xx status code: ")
                .unwrap_or(text)
                .to_string()
        }
    };
    said.chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn an_answer_is_told_by_its_code_and_message_alone() {
        let xml = "Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?>\n<Error>\
                   <Code>SignatureDoesNotMatch</Code><Message>The signature does not match.</Message>\
                   <StringToSign>AWS4 hush</StringToSign></Error>";
        assert_eq!(reason(xml), "SignatureDoesNotMatch: The signature does not match.");
        assert_eq!(
            reason("Server returned non-2xx status code: 403 Forbidden: "),
            "403 Forbidden"
        );
        assert_eq!(
            reason("Connection refused (os error 111)"),
            "Connection refused (os error 111)"
        );
        assert_eq!(reason("<html>busy</html>"), "");
    }
}
