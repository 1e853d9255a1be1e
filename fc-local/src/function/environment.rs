//! What does an instance's process find in its environment? The platform's variables, the user's, and five of
//! the author's own. Which ones a user may set is in `variables.rs`.

use std::collections::BTreeMap;

use super::account::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, ACCOUNT_ID, SECURITY_TOKEN};
use super::configuration::Function;
use super::places::Places;

/// The variables that a function shares with its author's shell: what programs need to be found and to run at
/// all.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// Where the API is, as the vendor's own client of it reads that (`@serverless-devs/fc3`). The SDKs read no variable.
const ENDPOINT: &str = "FC_CLIENT_CUSTOM_ENDPOINT";

/// The same, as programs read it that hand it to an SDK; a user's own value wins.
const THEIR_ENDPOINT: &str = "ALIBABA_CLOUD_FC_ENDPOINT";

/// The whole environment of one instance, whose code and layers are in `places`.
pub fn of(function: &Function, places: &Places, instance_id: &str, port: u16) -> BTreeMap<String, String> {
    let inherited = INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let mut variables: BTreeMap<String, String> = inherited.collect();
    // The platform's clock is UTC unless the function says otherwise.
    variables.entry("TZ".to_owned()).or_insert_with(|| "UTC".to_owned());
    variables.extend(added(function, places, instance_id, port));
    variables
}

/// What comes to the variables of a shell: the user's, and the platform's.
pub fn added(function: &Function, places: &Places, instance_id: &str, port: u16) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = endpoint(function, THEIR_ENDPOINT).into_iter().collect();
    variables.extend(function.variables.iter().map(|(name, value)| (name.clone(), places.seen(value))));
    variables.extend(endpoint(function, ENDPOINT));
    variables.extend(of_the_platform(function, places, instance_id, port));
    variables
}

fn endpoint(function: &Function, name: &str) -> Option<(String, String)> {
    function.endpoint.clone().map(|endpoint| (name.to_owned(), endpoint))
}

fn of_the_platform(
    function: &Function,
    places: &Places,
    instance_id: &str,
    port: u16,
) -> impl Iterator<Item = (String, String)> + use<> {
    let port = port.to_string();
    let memory = function.memory_mb.to_string();
    let variables: [(&str, &str); 14] = [
        ("FC_FUNC_CODE_PATH", &places.code),
        ("FC_ACCOUNT_ID", ACCOUNT_ID),
        ("FC_REGION", &function.region),
        ("FC_FUNCTION_NAME", &function.name),
        ("FC_FUNCTION_HANDLER", &function.handler),
        ("FC_FUNCTION_MEMORY_SIZE", &memory),
        ("FC_FUNCTION_VERSION", "LATEST"),
        ("FC_VER_ID", "LATEST"),
        ("FC_CUSTOM_LISTEN_PORT", &port),
        ("FC_SERVER_PORT", &port),
        ("FC_INSTANCE_ID", instance_id),
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ACCESS_KEY_SECRET),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", SECURITY_TOKEN),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn places() -> Places {
        Places::substituted(Path::new("/srv/example"), "/srv/example".to_owned(), None)
    }

    #[test]
    fn the_users_variables_win_over_the_authors_and_the_platforms_over_both() {
        let own = [("PATH", "/own"), ("ALIBABA_CLOUD_ACCESS_KEY_ID", "own"), ("COLOUR", "red")];
        let variables = own.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let environment = of(&Function { variables, ..Function::example() }, &places(), "c-1", 9001);
        for (name, value) in [
            ("PATH", "/own"),
            ("COLOUR", "red"),
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("FC_INSTANCE_ID", "c-1"),
            ("FC_CUSTOM_LISTEN_PORT", "9001"),
            ("FC_FUNC_CODE_PATH", "/srv/example"),
        ] {
            assert_eq!(environment.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(environment.contains_key("TZ"), "UTC unless somebody says otherwise");
    }

    #[test]
    fn a_function_is_told_where_the_api_is_unless_its_author_says_so() {
        let api = Function { endpoint: Some("http://127.0.0.1:8080".to_owned()), ..Function::example() };
        let environment = of(&api, &places(), "c-1", 9000);
        assert_eq!(
            (&*environment[ENDPOINT], &*environment[THEIR_ENDPOINT]),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080")
        );
        let variables = vec![(THEIR_ENDPOINT.to_owned(), "own".to_owned())];
        let environment = of(&Function { variables, ..api }, &places(), "c-1", 9000);
        assert_eq!(
            (&*environment[ENDPOINT], &*environment[THEIR_ENDPOINT]),
            ("http://127.0.0.1:8080", "own")
        );
        let alone = of(&Function::example(), &places(), "c-1", 9000);
        assert!(!alone.contains_key(ENDPOINT) && !alone.contains_key(THEIR_ENDPOINT));
    }

    #[test]
    fn the_users_values_name_the_code_where_it_is() {
        let variables = vec![("PYTHONPATH".to_owned(), "/code:/code/python:/opt/python".to_owned())];
        let function = Function { variables, ..Function::example() };
        for (places, wanted) in [
            (places(), "/srv/example:/srv/example/python:/opt/python"),
            (Places::real(), "/code:/code/python:/opt/python"),
        ] {
            assert_eq!(of(&function, &places, "c-1", 9000)["PYTHONPATH"], wanted);
        }
    }
}
