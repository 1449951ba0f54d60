use super::*;

fn names(choice: &ToolChoice) -> Vec<&'static str> {
    ToolSelection::new(choice)
        .unwrap()
        .tools()
        .map(|tool| tool.name)
        .collect()
}

fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn nothing_chosen_is_the_default_set() {
    assert_eq!(
        ToolSelection::new(&ToolChoice::default()).unwrap(),
        ToolSelection::default_set()
    );
}

#[test]
fn read_only_beats_an_exact_list() {
    let tools = list(&["create_event", "fetch_event"]);
    assert_eq!(
        names(&ToolChoice {
            tools: tools.clone(),
            ..ToolChoice::default()
        }),
        ["fetch_event", "create_event"]
    );
    assert_eq!(
        names(&ToolChoice {
            tools,
            read_only: true,
            ..ToolChoice::default()
        }),
        ["fetch_event"]
    );
    assert!(
        names(&ToolChoice {
            read_only: true,
            ..ToolChoice::default()
        })
        .iter()
        .all(|name| !name.starts_with("create"))
    );
}

#[test]
fn unknown_names_are_faults() {
    let fault = |choice: &ToolChoice| ToolSelection::new(choice).unwrap_err();
    assert!(
        fault(&ToolChoice {
            tools: list(&["create_evnt"]),
            ..ToolChoice::default()
        })
        .contains("did you mean create_event?")
    );
    assert!(
        fault(&ToolChoice {
            exclude: list(&["zzz"]),
            ..ToolChoice::default()
        })
        .contains("there are describe_registry, ")
    );
    assert!(
        fault(&ToolChoice {
            toolsets: list(&["zzz"]),
            ..ToolChoice::default()
        })
        .contains("default")
    );
    assert!(
        fault(&ToolChoice {
            tools: list(&["create_event"]),
            read_only: true,
            ..ToolChoice::default()
        })
        .contains("no tool")
    );
}
