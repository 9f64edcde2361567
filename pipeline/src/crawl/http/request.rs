//! What a request carries: who asks, a login where it may, and what is here already.

use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, REFERER, USER_AGENT};
use url::Url;

use super::{Client, HttpRequest, Kind, Known, hosts};

impl Client {
    /// Whether a request may carry a login: to the site's own API only, unseen by others.
    pub(super) fn is_private(&self, url: &Url, ask: &HttpRequest<'_>) -> bool {
        let unseen = url.scheme() == "https" || hosts::is_loopback(url);
        ask.kind == Kind::Api && unseen && self.hosts.is_root(url)
    }

    /// The request, ready to be sent.
    pub(super) fn request(&self, url: &Url, ask: &HttpRequest<'_>, access: Option<&HeaderValue>) -> RequestBuilder {
        let login = self.login.as_ref().filter(|_| self.is_private(url, ask));
        let mut request = match login.filter(|_| self.login_in_address) {
            Some(login) => self.client.get(login.sign_address(url.clone())),
            None => self.client.get(url.clone()),
        };
        if let Some(user_agent) = &self.user_agent {
            request = request.header(USER_AGENT, user_agent);
        }
        if let Some(access) = access {
            request = request.header(AUTHORIZATION, access.clone());
        }
        if let Some(referer) = ask.referer {
            request = request.header(REFERER, referer);
        }
        if let Some(Known { etag, last_modified }) = ask.known {
            let headers = [(IF_NONE_MATCH, etag), (IF_MODIFIED_SINCE, last_modified)];
            for (name, value) in headers
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_ref()?)))
            {
                request = request.header(name, value);
            }
        }
        match login.filter(|_| !self.login_in_address) {
            Some(login) => login.sign(request),
            None => request,
        }
    }
}
