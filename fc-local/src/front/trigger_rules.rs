//! Does an HTTP trigger take a call? Its methods, its authentication, whether its own address is open, as the platform
//! answers them. Whose signature it is, is not asked: any will do here. What becomes of the call is not known here.

use super::failure::Failure;
use crate::function::HttpTrigger;

/// What a call to a trigger's own address says of itself.
pub struct Claim<'a> {
    pub method: &'a str,
    /// The value of `Authorization`.
    pub authorization: Option<&'a str>,
}

/// Refuses what the platform would, before the function is reached.
pub fn check(trigger: &HttpTrigger, claim: &Claim<'_>) -> Result<(), Failure> {
    if trigger.disables_internet_url {
        // The vendor's words ("Configure an HTTP trigger that invokes a function with HTTP requests").
        let text = "access denied due to function internet URL is disable: the trigger has disableURLInternet, and \
             callers use a custom domain";
        return Err(Failure::Forbidden(text.to_owned()));
    }
    let Claim { method, authorization } = *claim;
    if !trigger.methods.is_empty() && !trigger.methods.iter().any(|known| known == method) {
        return Err(not_taken(method, &trigger.methods.join(", "), "the HTTP trigger"));
    }
    check_authorization(&trigger.auth_type, authorization)
}

/// A method that is not among those that are configured.
pub fn not_taken(method: &str, methods: &str, whose: &str) -> Failure {
    Failure::MethodNotAllowed(format!("{whose} does not take {method}; its methods are {methods}"))
}

/// A signature or a token has to be there, of which `authorization` is the header. A JWT may be anywhere in a request, so
/// nobody is refused for one.
pub fn check_authorization(auth_type: &str, authorization: Option<&str>) -> Result<(), Failure> {
    let authorization = authorization.filter(|value| !value.trim().is_empty());
    match auth_type.to_ascii_lowercase().as_str() {
        // The vendor's words ("Error codes"), and an advice.
        "function" if authorization.is_none() => Err(Failure::MissingRequiredHeader(
            "required HTTP header Authorization was not specified: the authType is function; here any value \
             will do, as in curl -H 'Authorization: local'"
                .to_owned(),
        )),
        // The vendor's words ("Enable Bearer authentication for an HTTP trigger").
        "bearer" if authorization.is_none() => {
            Err(Failure::Forbidden("Authorization header is expected but missing".to_owned()))
        }
        "bearer" if !authorization.is_some_and(is_bearer) => {
            Err(Failure::Forbidden("access denied due to invalid bearer token".to_owned()))
        }
        _ => Ok(()),
    }
}

fn is_bearer(authorization: &str) -> bool {
    let scheme = authorization.split_once(' ').map(|(scheme, token)| (scheme, token.trim()));
    scheme.is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger(methods: &[&str], auth_type: &str) -> HttpTrigger {
        HttpTrigger {
            qualifier: "LATEST".to_owned(),
            name: "http".to_owned(),
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            auth_type: auth_type.to_owned(),
            disables_internet_url: false,
        }
    }

    fn check(trigger: &HttpTrigger, method: &str, authorization: Option<&str>) -> Result<(), Failure> {
        super::check(trigger, &Claim { method, authorization })
    }

    #[test]
    fn a_method_that_is_not_listed_is_refused_whichever_it_is() {
        let some = trigger(&["GET", "POST"], "anonymous");
        for method in ["GET", "POST"] {
            assert_eq!(check(&some, method, None), Ok(()), "{method}");
        }
        for method in ["HEAD", "OPTIONS", "DELETE", "get", "PROPFIND"] {
            let error = check(&some, method, None).expect_err(method);
            assert!(
                matches!(&error, Failure::MethodNotAllowed(what) if what.contains("GET, POST")),
                "{error}"
            );
            assert_eq!(check(&trigger(&[], "anonymous"), method, None), Ok(()), "{method}");
        }
    }

    #[test]
    fn an_unsigned_call_is_refused_where_the_trigger_asks_for_a_signature_and_any_signature_will_do() {
        let signed = trigger(&[], "function");
        for authorization in [None, Some(""), Some(" ")] {
            let error = check(&signed, "GET", authorization).expect_err("unsigned");
            assert!(matches!(error, Failure::MissingRequiredHeader(_)), "{error}");
            for auth_type in ["anonymous", "ANONYMOUS", "jwt", ""] {
                assert_eq!(check(&trigger(&[], auth_type), "GET", authorization), Ok(()), "{auth_type}");
            }
        }
        for authorization in ["ACS3-HMAC-SHA256 Credential=x", "FC key:signature", "local"] {
            assert_eq!(check(&signed, "GET", Some(authorization)), Ok(()), "{authorization}");
        }
    }

    #[test]
    fn a_bearer_token_has_to_be_one() {
        let bearer = trigger(&[], "bearer");
        for authorization in [None, Some("Bearer"), Some("Bearer "), Some("Basic x"), Some("x")] {
            let error = check(&bearer, "GET", authorization).expect_err("no token");
            assert!(matches!(error, Failure::Forbidden(_)), "{error}");
        }
        assert_eq!(check(&bearer, "GET", Some("bearer token")), Ok(()));
    }

    #[test]
    fn a_trigger_without_an_open_address_refuses_all_calls_to_it() {
        let closed = HttpTrigger { disables_internet_url: true, ..trigger(&[], "anonymous") };
        let error = check(&closed, "GET", Some("signed")).expect_err("closed").to_string();
        assert!(error.starts_with("access denied due to function internet URL is disable"), "{error}");
    }
}
