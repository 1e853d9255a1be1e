//! What does an instance's process find in its environment? The platform's variables, the user's, and five of
//! the author's own. Which ones a user may set is in `variables.rs`.

use std::collections::BTreeMap;

use super::account::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, ACCOUNT_ID, SECURITY_TOKEN};
use super::configuration::Function;

/// The variables that a function shares with its author's shell: what programs need to be found and to run at
/// all.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// The whole environment of one instance.
pub fn of(function: &Function, instance_id: &str, port: u16) -> BTreeMap<String, String> {
    let inherited = INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let mut variables: BTreeMap<String, String> = inherited.collect();
    // The platform's clock is UTC unless the function says otherwise.
    variables.entry("TZ".to_owned()).or_insert_with(|| "UTC".to_owned());
    variables.extend(added(function, instance_id, port));
    variables
}

/// What comes to the variables of a shell: the user's, and the platform's.
pub fn added(function: &Function, instance_id: &str, port: u16) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = function.variables.iter().cloned().collect();
    variables.extend(of_the_platform(function, instance_id, port));
    variables
}

fn of_the_platform(
    function: &Function,
    instance_id: &str,
    port: u16,
) -> impl Iterator<Item = (String, String)> + use<> {
    let port = port.to_string();
    let memory = function.memory_mb.to_string();
    let code = if function.maps_code { function.code.display().to_string() } else { "/code".to_owned() };
    let variables: [(&str, &str); 14] = [
        ("FC_FUNC_CODE_PATH", &code),
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
    use super::*;

    #[test]
    fn the_users_variables_win_over_the_authors_and_the_platforms_over_both() {
        let own = [("PATH", "/own"), ("ALIBABA_CLOUD_ACCESS_KEY_ID", "own"), ("COLOUR", "red")];
        let variables = own.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let environment = of(&Function { variables, ..Function::example() }, "c-1", 9001);
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
    fn the_code_is_in_code_when_no_directory_stands_for_it() {
        let function = Function { maps_code: false, ..Function::example() };
        assert_eq!(of(&function, "c-1", 9000)["FC_FUNC_CODE_PATH"], "/code");
    }
}
