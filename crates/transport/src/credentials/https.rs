//! The HTTP client that AWS's credential providers ask with: ours. The SDK's own would bring a second one, with HTTP/2.

use crate::tls;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use snapkeep_core::failure::with_sources;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Largest answer that is read, in bytes: credentials are a few kilobytes.
const CAP: usize = 1 << 20;

/// Makes a connector for each pair of time limits that a provider has, and keeps it.
#[derive(Debug, Default)]
pub(super) struct Https {
    made: Mutex<Vec<(Limits, SharedHttpConnector)>>,
}

/// To connect, and until the answer is there.
type Limits = (Option<Duration>, Option<Duration>);

impl HttpClient for Https {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let limits = (settings.connect_timeout(), settings.read_timeout());
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connector)) = made.iter().find(|(known, _)| *known == limits) {
            return connector.clone();
        }
        let connector = SharedHttpConnector::new(Connector { http: client(limits) });
        made.push((limits, connector.clone()));
        connector
    }
}

/// The system's authorities, no redirects, no proxies.
fn client((connect, read): Limits) -> Result<reqwest::Client, String> {
    let tls = tls::client_config(None, None).map_err(|failure| failure.cause)?;
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never());
    let builder = connect.into_iter().fold(builder, reqwest::ClientBuilder::connect_timeout);
    let builder = read.into_iter().fold(builder, reqwest::ClientBuilder::read_timeout);
    builder.build().map_err(|error| with_sources(&error))
}

#[derive(Debug)]
struct Connector {
    http: Result<reqwest::Client, String>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let http = self.http.clone();
        HttpConnectorFuture::new(async move {
            let http = http.map_err(|why| ConnectorError::user(why.into()))?;
            let request = translated(&http, &request).map_err(|why| ConnectorError::user(why.into()))?;
            answer(http.execute(request).await.map_err(failed)?).await
        })
    }
}

fn translated(http: &reqwest::Client, request: &HttpRequest) -> Result<reqwest::Request, String> {
    let body = request.body().bytes().ok_or("a request whose body is not at hand")?.to_vec();
    let method = reqwest::Method::from_bytes(request.method().as_bytes()).map_err(|error| error.to_string())?;
    let builder = http.request(method, request.uri()).body(body);
    let headers = request.headers().iter();
    headers.fold(builder, |builder, (name, value)| builder.header(name, value)).build().map_err(|e| with_sources(&e))
}

async fn answer(mut response: reqwest::Response) -> Result<HttpResponse, ConnectorError> {
    let other = |why: String| ConnectorError::other(why.into(), None);
    let status = StatusCode::try_from(response.status().as_u16()).map_err(|error| other(error.to_string()))?;
    let headers = std::mem::take(response.headers_mut());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > CAP {
            return Err(other(format!("the answer is larger than {CAP} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    let mut answer = HttpResponse::new(status, body.into());
    for (name, value) in &headers {
        if let Ok(value) = value.to_str() {
            answer
                .headers_mut()
                .try_append(name.as_str().to_owned(), value.to_owned())
                .map_err(|e| other(e.to_string()))?;
        }
    }
    Ok(answer)
}

fn failed(error: reqwest::Error) -> ConnectorError {
    let error = error.without_url();
    let text = with_sources(&error);
    if error.is_timeout() { ConnectorError::timeout(text.into()) } else { ConnectorError::io(text.into()) }
}
