//! The variables a function's process gets: the platform's, the template's, and five of the author's own.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use crate::function::configuration::Function;

/// All an author's environment shares with a function: what programs need to be found and to run at all.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// The platform's limit for a function's own variables, names and values together.
const MAX_SIZE: usize = 4096;

/// Looks like an account, is none.
pub const ACCOUNT_ID: &str = "1234567890123456";
pub const ACCESS_KEY_ID: &str = "STS.fclocalMadeUpAccessKeyId";
pub const ACCESS_KEY_SECRET: &str = "fclocalMadeUpAccessKeySecret";
pub const SECURITY_TOKEN: &str = "fclocalMadeUpSecurityToken";

/// Whether a user may set `name`.
pub fn allowed(name: &str) -> Result<()> {
    if name.is_empty() || name.contains(['=', '\0']) {
        bail!("'{name}' is not a name for an environment variable");
    }
    if name.starts_with("FC_") {
        bail!("the variable {name} is refused: names that start with FC_ are the platform's own");
    }
    Ok(())
}

pub fn check_size(variables: &[(String, String)]) -> Result<()> {
    let size: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_SIZE {
        bail!("environment variables take {size} bytes, the platform's limit is {MAX_SIZE}");
    }
    Ok(())
}

/// The whole environment of one instance.
pub fn of(function: &Function, instance_id: &str, port: u16) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for name in INHERITED {
        if let Ok(value) = std::env::var(name) {
            variables.insert(name.to_owned(), value);
        }
    }
    // The platform's clock is UTC unless the function says otherwise.
    variables.entry("TZ".to_owned()).or_insert_with(|| "UTC".to_owned());
    variables.extend(function.environment.iter().cloned());
    let port = port.to_string();
    let memory = function.memory_mb.to_string();
    let code = if function.maps_code { function.code.display().to_string() } else { "/code".to_owned() };
    let platform: [(&str, &str); 14] = [
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
    variables.extend(platform.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables
}
