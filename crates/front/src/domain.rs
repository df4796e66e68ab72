//! What an Amazon domain adds to a node: who may do what, which registrations it takes, which paths it offers.

use std::time::SystemTime;

use crate::answers::{self, DenialWording, RegionRefusal, TrustError};
use crate::mapping::{self, Mapping, Registration};
use crate::principal::Principal;
use crate::sigv4::{Rejection, SignedRequest, Verifier};
use crate::snapshot_path;
use crate::wire::{Request, Response};

/// A domain's configuration.
#[derive(Clone, Debug)]
pub(crate) struct Domain {
    pub(crate) verifier: Verifier,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) wording: DenialWording,
    pub(crate) pass_roles: Vec<String>,
    pub(crate) untrusting: Vec<String>,
    pub(crate) trust_error: (TrustError, u16),
    pub(crate) refused_regions: Vec<(String, RegionRefusal)>,
    pub(crate) mapping: Mapping,
}

impl Domain {
    /// Who signed this request.
    pub(crate) fn verify(
        &self,
        request: &Request,
        principals: &[Principal],
        now: SystemTime,
    ) -> Result<Principal, Response> {
        let signed = SignedRequest {
            method: &request.method,
            path: request.path(),
            query: request.query(),
            headers: &request.headers,
            body: &request.body,
        };
        self.verifier.verify(&signed, principals, now).cloned().map_err(|rejection| match rejection {
            Rejection::Unsigned => self.denied("anonymous", request),
            other => answers::signature(&other),
        })
    }

    fn denied(&self, user: &str, request: &Request) -> Response {
        let path = request.path();
        let region = &self.verifier.region;
        let resource = format!("arn:aws:es:{region}:{}:domain/{}{path}", self.account, self.name);
        answers::denied(user, &iam_action(&request.method), &resource, self.wording)
    }

    /// The answer that the domain gives in the node's place, if it does.
    pub(crate) fn refuse(&self, request: &Request, caller: &Principal) -> Option<Response> {
        let (method, path) = (request.method.as_str(), request.path());
        if !caller.rights.allow(&iam_action(method)) {
            return Some(self.denied(&caller.arn, request));
        }
        if snapshot_path::needs_scope(method, path) || snapshot_path::changes_service_repository(method, path) {
            return Some(answers::not_allowed(path));
        }
        let registered = snapshot_path::registers(method, path)
            .and_then(|repository| Some((repository, Registration::parse(&request.body)?)));
        let passed = registered.as_ref().and_then(|(_, registration)| self.refuse_role(registration, caller));
        passed.or_else(|| refuse_action(request, caller)).or_else(|| {
            let (repository, registration) = registered.as_ref()?;
            self.refuse_use(repository, registration)
        })
    }

    fn refuse_role(&self, registration: &Registration, caller: &Principal) -> Option<Response> {
        let Some(role) = registration.setting("role_arn") else { return Some(answers::role_arn_missing()) };
        let passes = self.pass_roles.iter().any(|allowed| allowed == role);
        (!passes).then(|| answers::pass_role_denied(&caller.arn, role))
    }

    fn refuse_use(&self, repository: &str, registration: &Registration) -> Option<Response> {
        let role = registration.setting("role_arn").unwrap_or_default();
        if self.untrusting.iter().any(|untrusting| untrusting == role) {
            let (shape, status) = self.trust_error;
            return Some(answers::assume_role_denied(shape, status, repository, role));
        }
        if registration.setting("endpoint").is_some() {
            return None;
        }
        let region = registration.setting("region")?;
        let (_, shape) = self.refused_regions.iter().find(|(refused, _)| refused == region)?;
        Some(answers::region_refused(shape, repository, region, &self.verifier.region))
    }

    /// The request as the node gets it.
    pub(crate) fn to_node(&self, request: &Request) -> Request {
        let mut mapped = request.clone();
        if snapshot_path::registers(&request.method, request.path()).is_some()
            && let Some(registration) = Registration::parse(&request.body)
        {
            mapped.body = self.mapping.to_node(&registration);
        }
        if snapshot_path::reads_registrations(&request.method, request.path()) {
            // The answer is read here, so it must not come packed.
            mapped.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("accept-encoding"));
        }
        mapped
    }

    /// The node's answer as the caller gets it.
    pub(crate) fn from_node(request: &Request, response: &mut Response) {
        if response.status == 200 && snapshot_path::reads_registrations(&request.method, request.path()) {
            mapping::from_node(response);
        }
    }
}

fn refuse_action(request: &Request, caller: &Principal) -> Option<Response> {
    let action = snapshot_path::action(&request.method, request.path())?;
    let refused = !caller.rights.manage_snapshots;
    refused.then(|| answers::no_permissions(&caller.arn, &caller.rights.backend_roles, action))
}

/// `es:ESHttpPut` and its like.
fn iam_action(method: &str) -> String {
    let mut name = method.to_ascii_lowercase();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    format!("es:ESHttp{name}")
}
