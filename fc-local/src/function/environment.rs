//! What does an instance's process find in its environment? The platform's variables, the user's, and five of
//! the author's own. Which ones a user may set is in `variables.rs`.

use std::collections::BTreeMap;

use super::account::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, ACCOUNT_ID, SECURITY_TOKEN};
use super::configuration::Function;
use super::places::Places;

/// The variables that a function shares with its author's shell: what programs need to be found and to run at
/// all.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// The whole environment of one instance, whose code and layers are in `places`.
pub fn of(function: &Function, places: &Places, instance_id: &str, port: u16) -> BTreeMap<String, String> {
    let inherited = INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let mut variables: BTreeMap<String, String> = inherited.collect();
    // The platform's clock is UTC unless the function says otherwise.
    variables.entry("TZ".to_owned()).or_insert_with(|| "UTC".to_owned());
    variables.extend(function.variables.iter().map(|(name, value)| (name.clone(), places.seen(value))));
    variables.extend(of_the_platform(function, places, instance_id, port));
    variables
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
