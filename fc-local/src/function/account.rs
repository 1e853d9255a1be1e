//! The account a function runs under: made up, and the same in its variables and in the headers of its
//! requests.

/// An account id that looks like one and is none.
pub const ACCOUNT_ID: &str = "1234567890123456";
pub const ACCESS_KEY_ID: &str = "STS.fclocalMadeUpAccessKeyId";
pub const ACCESS_KEY_SECRET: &str = "fclocalMadeUpAccessKeySecret";
pub const SECURITY_TOKEN: &str = "fclocalMadeUpSecurityToken";
