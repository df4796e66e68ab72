//! Thin signed calls to what may hold a configuration or a secret, give a role, or tell somebody: S3, Systems Manager,
//! Secrets Manager, STS, SNS.
//!
//! Each is one request that changes nothing, but for SNS's. `AWS_ENDPOINT_URL_S3` and its like, and `AWS_ENDPOINT_URL`, name another
//! endpoint than the region's own. Buckets are addressed by path, which every endpoint understands.

use crate::{Answer, Auth, AwsCredentials, Call, Client, Deadline, Lost, Method, Settings};
use serde_json::{Value, json};
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::secret::Secret;
use snapkeep_core::{Code, Failure};
use std::path::PathBuf;
use std::time::Duration;

/// Who asks the services, and what the surroundings say of them.
pub trait Caller: Sync {
    /// What calls are signed with.
    fn credentials(&self) -> AwsCredentials;

    /// The region of what names none itself.
    fn region(&self) -> Option<&str>;

    /// A variable of the environment that is set and not empty.
    fn variable(&self, name: &str) -> Option<&str>;

    /// `SNAPKEEP_CA_FILE`: further certificate authorities, PEM.
    fn ca_file(&self) -> Option<PathBuf>;
}

/// A service of AWS's.
#[derive(Debug)]
pub struct Service {
    /// What signatures and host names call it.
    name: &'static str,
    /// The variable that names another endpoint.
    variable: &'static str,
    /// The permission that a call needs, where it is always the same.
    right: &'static str,
}

impl Service {
    /// Objects and buckets.
    pub const S3: &'static Self = &S3;
    /// Who somebody is.
    pub const STS: &'static Self = &STS;
    /// Roles and policies.
    pub const IAM: &'static Self = &Self { name: "iam", variable: "AWS_ENDPOINT_URL_IAM", right: "iam" };
    /// Domains.
    pub const OPENSEARCH: &'static Self =
        &Self { name: "es", variable: "AWS_ENDPOINT_URL_OPENSEARCH", right: "es:DescribeDomain" };
    /// Keys.
    pub const KMS: &'static Self = &Self { name: "kms", variable: "AWS_ENDPOINT_URL_KMS", right: "kms:DescribeKey" };

    /// What a call does to what it is about, as in "it cannot be …".
    fn done(&self) -> &'static str {
        if self.name == "sns" { "published to" } else { "read" }
    }

    /// Where it is in a region. IAM has one place for all regions of a partition.
    fn host(&self, region: &str) -> String {
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        match (self.name, region) {
            ("iam", region) if region.starts_with("cn-") => format!("iam.cn-north-1.{domain}"),
            ("iam", region) if region.starts_with("us-gov-") => "iam.us-gov.amazonaws.com".to_owned(),
            ("iam", _) => format!("iam.{domain}"),
            (name, region) => format!("{name}.{region}.{domain}"),
        }
    }

    /// The region that signatures are scoped to.
    fn signed_in<'r>(&self, region: &'r str) -> &'r str {
        match self.name {
            "iam" if region.starts_with("cn-") => "cn-north-1",
            "iam" if region.starts_with("us-gov-") => "us-gov-west-1",
            "iam" => "us-east-1",
            _ => region,
        }
    }
}

const S3: Service = Service { name: "s3", variable: "AWS_ENDPOINT_URL_S3", right: "s3:GetObject" };
const SSM: Service = Service { name: "ssm", variable: "AWS_ENDPOINT_URL_SSM", right: "ssm:GetParameter" };
const SECRETS: Service = Service {
    name: "secretsmanager",
    variable: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    right: "secretsmanager:GetSecretValue",
};

const STS: Service = Service { name: "sts", variable: "AWS_ENDPOINT_URL_STS", right: "sts:AssumeRole" };
const SNS: Service = Service { name: "sns", variable: "AWS_ENDPOINT_URL_SNS", right: "sns:Publish" };

/// For one call with its repetitions: a service that cannot be reached from a VPC never answers, and whoever needs
/// nothing of it must have time left.
const PATIENCE: Duration = Duration::from_secs(20);

/// Calls in the operator's name. What cannot be read is `bad_config`, `access_denied` or `cluster_unavailable`.
#[derive(Clone, Copy)]
pub struct Services<'c> {
    caller: &'c dyn Caller,
    deadline: Deadline,
}

impl<'c> Services<'c> {
    /// Calls until `deadline`; each takes 20 seconds of it at most.
    pub fn new(caller: &'c dyn Caller, deadline: Deadline) -> Self {
        Self { caller, deadline }
    }

    /// The text of an object, which messages call `what`.
    pub async fn object(self, bucket: &str, key: &str, what: &str) -> Result<String, Failure> {
        let call = Call::new(Method::GET, format!("/{}/{}", escaped(bucket, false), escaped(key, true)));
        let answer = self.ask(&S3, self.caller.region(), call, what).await?;
        String::from_utf8(answer.body.to_vec()).map_err(|_| unusable(what, "it is not text in UTF-8"))
    }

    /// A parameter's value, decrypted; messages call it `what`.
    pub async fn parameter(self, name: &str, what: &str) -> Result<String, Failure> {
        let body = json!({"Name": name, "WithDecryption": true});
        let answer = self.json(&SSM, region_of(name), "AmazonSSM.GetParameter", &body, what).await?;
        text_at(&answer, "/Parameter/Value", what)
    }

    /// A secret's text; messages call it `what`.
    pub async fn secret(self, id: &str, what: &str) -> Result<String, Failure> {
        let body = json!({"SecretId": id});
        let answer = self.json(&SECRETS, region_of(id), "secretsmanager.GetSecretValue", &body, what).await?;
        text_at(&answer, "/SecretString", what)
    }

    /// A role's credentials, for an hour: longer than any invocation of a function. Without a name its session is called
    /// `snapkeep`.
    pub async fn role(
        self,
        role_arn: &str,
        external_id: Option<&str>,
        session_name: Option<&str>,
    ) -> Result<AwsCredentials, Failure> {
        let what = format!("the role {role_arn}");
        let fields = [
            ("Action", Some("AssumeRole")),
            ("Version", Some("2011-06-15")),
            ("RoleArn", Some(role_arn)),
            ("RoleSessionName", Some(session_name.unwrap_or("snapkeep"))),
            ("ExternalId", external_id),
        ];
        let fields = fields.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", escaped(value?, false))));
        let query = fields.collect::<Vec<_>>().join("&");
        let call = Call::new(Method::GET, format!("/?{query}"));
        let answer = self.ask(&STS, self.caller.region(), call, &what).await?;
        let body = String::from_utf8_lossy(&answer.body);
        let part = |name| tagged(&body, name).ok_or_else(|| unusable(&what, "the answer holds no credentials"));
        let (secret, token) = (Secret::new(part("SecretAccessKey")?), Secret::new(part("SessionToken")?));
        Ok(AwsCredentials::fixed(part("AccessKeyId")?, &secret, Some(&token)))
    }

    /// Publishes a message to an SNS topic. It is sent again where it may not have arrived: `id`, at most 128 letters and
    /// digits, tells who gets it twice, and a FIFO topic leaves out the second one.
    pub async fn publish(self, topic_arn: &str, subject: &str, message: &str, id: &str) -> Result<(), Failure> {
        let fields = [
            ("Action", "Publish"),
            ("Version", "2010-03-31"),
            ("TopicArn", topic_arn),
            ("Subject", subject),
            ("Message", message),
            ("MessageAttributes.entry.1.Name", "id"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", id),
        ];
        let deduplicated = [("MessageGroupId", "snapkeep"), ("MessageDeduplicationId", id)];
        let further = deduplicated.into_iter().filter(|_| topic_arn.strip_suffix(".fifo").is_some());
        let fields = fields.into_iter().chain(further).map(|(key, value)| format!("{key}={}", escaped(value, false)));
        let call = Call::new(Method::POST, "/").json(fields.collect::<Vec<_>>().join("&"));
        let call = call.header("content-type", "application/x-www-form-urlencoded");
        let region = region_of(topic_arn).or_else(|| self.caller.region());
        self.ask(&SNS, region, call, &format!("the topic {topic_arn}")).await.map(|_| ())
    }

    async fn json(
        self,
        service: &'static Service,
        region: Option<&str>,
        target: &'static str,
        body: &Value,
        what: &str,
    ) -> Result<Value, Failure> {
        let call = Call::new(Method::POST, "/").json(body.to_string());
        let call = call.header("content-type", "application/x-amz-json-1.1").header("x-amz-target", target);
        let answer = self.ask(service, region.or_else(|| self.caller.region()), call, what).await?;
        serde_json::from_slice(&answer.body).map_err(|error| unusable(what, &format!("the answer is no JSON: {error}")))
    }

    async fn ask(
        self,
        service: &'static Service,
        region: Option<&str>,
        call: Call,
        what: &str,
    ) -> Result<Answer, Failure> {
        let region = region.ok_or_else(|| {
            let cause = format!("{what} cannot be asked for: no region is known");
            Failure::new(Code::BadConfig, cause, "set AWS_REGION (Lambda does so itself) or SNAPKEEP_REGION")
        })?;
        let answer = self.answer(service, region, &call).await?.map_err(|lost| {
            let hint = format!(
                "see that {} of {region} can be reached from here (a VPC needs an endpoint for it), and that you may {}",
                service.name, service.right
            );
            Failure::new(
                Code::ClusterUnavailable,
                format!("{what} cannot be {}: {}", service.done(), lost.cause()),
                lost.hint().map_or(hint, str::to_owned),
            )
        })?;
        if answer.status == 200 { Ok(answer) } else { Err(refused(service, &answer, what)) }
    }

    /// Whatever comes of a request that changes nothing: for those who read refusals themselves. `bad_config` where the
    /// endpoint that the environment names is none.
    pub async fn answer(
        self,
        service: &'static Service,
        region: &str,
        call: &Call,
    ) -> Result<Result<Answer, Lost>, Failure> {
        let region_signed = service.signed_in(region).to_owned();
        let auth = Auth::SigV4 { credentials: self.caller.credentials(), region: region_signed };
        let settings = Settings { ca_file: self.caller.ca_file(), service: service.name, ..Settings::default() };
        let client = Client::new(self.endpoint(service, region)?, auth, settings)?;
        Ok(client.read(call, self.deadline.or_after(PATIENCE)).await)
    }

    fn endpoint(self, service: &Service, region: &str) -> Result<Endpoint, Failure> {
        let named = [service.variable, "AWS_ENDPOINT_URL"].into_iter().find_map(|name| self.caller.variable(name));
        let own = || format!("https://{}", service.host(region));
        Endpoint::trusted(named.map_or_else(own, |url| url.trim_end_matches('/').to_owned()).as_str())
            .map_err(|failure| failure.with_code(Code::BadConfig))
    }
}

/// The region in an ARN.
fn region_of(id: &str) -> Option<&str> {
    id.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
}

/// Each byte beyond the unreserved ones percent-encoded.
fn escaped(text: &str, keeps_slashes: bool) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        b'/' if keeps_slashes => "/".to_owned(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// What stands between an element's tags; what is looked for here holds nothing that XML would escape.
fn tagged<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

fn text_at(answer: &Value, pointer: &str, what: &str) -> Result<String, Failure> {
    let text = answer.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| unusable(what, "it holds no text"))
}

fn unusable(what: &str, why: &str) -> Failure {
    Failure::new(Code::BadConfig, format!("{what} cannot be used: {why}"), "put the text there, as UTF-8")
}

/// The service's own word is in its answer, as JSON or XML.
fn refused(service: &Service, answer: &Answer, what: &str) -> Failure {
    let body = String::from_utf8_lossy(&answer.body);
    let word = serde_json::from_slice::<Value>(&answer.body).ok().and_then(|body| {
        let kind = body["__type"].as_str()?;
        Some(kind.rsplit('#').next().unwrap_or(kind).to_owned())
    });
    let word = word.or_else(|| tagged(&body, "Code").map(str::to_owned)).unwrap_or_default();
    let is_missing = ["NoSuchKey", "NoSuchBucket", "ParameterNotFound", "ResourceNotFoundException", "NotFound"]
        .contains(&word.as_str());
    let is_denied = answer.status == 403 || word.contains("AccessDenied");
    let (code, hint) = match answer.status {
        _ if is_missing => {
            (Code::BadConfig, format!("put it there, in the caller's region, or name another ({})", service.name))
        }
        _ if is_denied => (
            Code::AccessDenied,
            format!("let the caller {} on it, and kms:Decrypt if a key of yours encrypts it", service.right),
        ),
        500.. => (Code::ClusterUnavailable, "try again later".to_owned()),
        _ => (Code::BadConfig, format!("see what {} says of it", service.name)),
    };
    Failure::new(code, format!("{what} cannot be {}: {word} (status {})", service.done(), answer.status), hint)
        .with_status(answer.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_once_and_regions_are_those_of_arns() {
        assert_eq!(escaped("a/b c+d=ä.yaml", true), "a/b%20c%2Bd%3D%C3%A4.yaml");
        assert_eq!(escaped("arn:a/b", false), "arn%3Aa%2Fb");
        assert_eq!(region_of("arn:aws:secretsmanager:eu-west-1:123456789012:secret:x"), Some("eu-west-1"));
        assert_eq!((region_of("/name"), region_of("arn:aws:ssm::1:x")), (None, None));
    }

    /// A function's surroundings that name one endpoint for all.
    struct Function(String);

    impl Caller for Function {
        fn credentials(&self) -> AwsCredentials {
            AwsCredentials::fixed("AKID", &Secret::new("s"), None)
        }

        fn region(&self) -> Option<&str> {
            Some("eu-west-1")
        }

        fn variable(&self, name: &str) -> Option<&str> {
            (name == "AWS_ENDPOINT_URL").then_some(&self.0)
        }

        fn ca_file(&self) -> Option<PathBuf> {
            None
        }
    }

    /// As from a VPC without an endpoint for it. (The clock is tokio's, and stands still while anything moves.)
    #[tokio::test(start_paused = true)]
    async fn a_service_that_never_answers_leaves_time_for_the_rest() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let function = Function(format!("http://{}", silent.local_addr().unwrap()));
        let deadline = Deadline::after(Duration::from_mins(15));
        let failure = Services::new(&function, deadline).secret("id", "the password").await.unwrap_err();
        assert_eq!(failure.code, Code::ClusterUnavailable);
        assert!(failure.cause.starts_with("the password cannot be read") && failure.hint.contains("VPC"), "{failure}");
        assert!(deadline.left() >= Duration::from_mins(14), "{:?}", deadline.left());
    }

    #[test]
    fn services_are_where_their_regions_are() {
        for (service, region, host) in [
            (Service::KMS, "eu-west-1", "kms.eu-west-1.amazonaws.com"),
            (Service::OPENSEARCH, "cn-north-1", "es.cn-north-1.amazonaws.com.cn"),
            (Service::IAM, "eu-west-1", "iam.amazonaws.com"),
            (Service::IAM, "cn-northwest-1", "iam.cn-north-1.amazonaws.com.cn"),
        ] {
            assert_eq!(service.host(region), host);
        }
        assert_eq!(
            (Service::IAM.signed_in("eu-west-1"), Service::STS.signed_in("eu-west-1")),
            ("us-east-1", "eu-west-1")
        );
    }

    #[test]
    fn refusals_say_what_mends_them() {
        for (status, body, code, part) in [
            (404, "<Error><Code>NoSuchKey</Code></Error>", Code::BadConfig, "NoSuchKey"),
            (403, "<Error><Code>AccessDenied</Code></Error>", Code::AccessDenied, "AccessDenied"),
            (400, r#"{"__type":"ParameterNotFound"}"#, Code::BadConfig, "ParameterNotFound"),
            (400, r#"{"__type":"com.amazonaws#AccessDeniedException"}"#, Code::AccessDenied, "AccessDeniedException"),
            (503, "", Code::ClusterUnavailable, "503"),
        ] {
            let failure = refused(&S3, &Answer::new(status, body.to_owned()), "s3://b/k");
            assert_eq!((failure.code, failure.http_status), (code, Some(status)), "{body}");
            assert!(failure.cause.contains(part), "{failure}");
        }
    }
}
