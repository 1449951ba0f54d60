use super::*;

/// What breaks one host or another.
fn check_portable(tool: &str, at: &str, schema: &Value) {
    let fields = schema
        .as_object()
        .unwrap_or_else(|| panic!("{tool} {at}: not an object"));
    for word in [
        "$ref", "$defs", "$schema", "oneOf", "anyOf", "allOf", "not", "if", "default", "title",
    ] {
        assert!(!fields.contains_key(word), "{tool} {at}: {word}");
    }
    assert!(
        fields["type"].is_string(),
        "{tool} {at}: type must be one word"
    );
    assert_ne!(fields["type"], "null", "{tool} {at}");
    assert!(
        fields
            .get("format")
            .is_none_or(|f| f == "date-time" || f == "uri"),
        "{tool} {at}"
    );
    if let Some(items) = fields.get("items") {
        check_portable(tool, &format!("{at}/items"), items);
    }
    let properties = fields.get("properties").map(|p| p.as_object().unwrap());
    for (name, property) in properties.into_iter().flatten() {
        check_portable(tool, &format!("{at}/{name}"), property);
    }
    for name in fields
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        assert!(
            properties.unwrap().contains_key(name.as_str().unwrap()),
            "{tool} {at}: {name}"
        );
    }
}

#[test]
fn schemas_are_portable() {
    for tool in TOOLS {
        let listed = serde_json::to_value(tool.definition(Extras::ALL)).unwrap();
        for part in ["inputSchema", "outputSchema"] {
            if let Some(schema) = listed.get(part) {
                assert_eq!(schema["type"], "object");
                check_portable(tool.name, part, schema);
            }
        }
    }
}

#[test]
fn definitions_are_complete_and_short() {
    for tool in TOOLS {
        assert!(
            tool.name.len() <= 40
                && tool
                    .name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{}",
            tool.name
        );
        assert!(tool.description.chars().count() < 1_000, "{}", tool.name);
        assert!(TOOLSETS.contains(&tool.toolset), "{}", tool.name);
        let listed = serde_json::to_value(tool.definition(Extras::ALL)).unwrap();
        for hint in [
            "readOnlyHint",
            "destructiveHint",
            "idempotentHint",
            "openWorldHint",
        ] {
            assert!(
                listed["annotations"][hint].is_boolean(),
                "{} {hint}",
                tool.name
            );
        }
        let takes = |name: &str| tool.params.iter().any(|p| p.name == name);
        assert_eq!(takes("dry_run"), tool.effect.writes(), "{}", tool.name);
        for (i, param) in tool.params.iter().enumerate() {
            let names = |p: &crate::mcp::schema::Param| [&[p.name], p.aliases].concat();
            for other in tool.params.iter().skip(i + 1) {
                assert!(
                    names(other).iter().all(|name| !names(param).contains(name)),
                    "{} {}",
                    tool.name,
                    param.name
                );
            }
        }
    }
}

#[test]
fn all_definitions_together_cost_little() {
    let bytes = catalogue_json().to_string().len();
    assert!(bytes / 4 < 8_000, "{bytes} bytes");
}

#[test]
fn every_tool_is_in_the_table() {
    let table = tool_table_markdown();
    assert_eq!(table.lines().count(), TOOLS.len() + 2);
    assert!(
        table.contains("| `create_event` |")
            && tool("create_event").is_some()
            && tool("x").is_none()
    );
}
