//! The recipes: the files of `docs/ci/`, which people copy as they are.
//!
//! Where a line of theirs ends in a comment `fill receiver: …`, `fill group: …` or `fill name: …`, its
//! value is replaced.

use crate::limits;

/// The systems that there is a recipe for.
pub(crate) const SYSTEMS: [&str; 4] = ["github-actions", "gitlab-ci", "jenkins", "tekton"];

/// One CI system.
pub(super) struct System {
    pub(super) title: &'static str,
    /// Where its recipe is, and as what it is shown.
    pub(super) file: &'static str,
    pub(super) fence: &'static str,
    pub(super) recipe: &'static str,
    /// Where the database and its password are set.
    pub(super) settings: &'static str,
}

/// The system of this name, or of what people call it for short.
pub(super) fn system(name: &str) -> Option<System> {
    Some(match name {
        "github-actions" | "github" => System {
            title: "GitHub Actions",
            file: "docs/ci/github-actions.yml",
            fence: "yaml",
            recipe: include_str!("../../../../docs/ci/github-actions.yml"),
            settings: "the variable EPR_DB and the secret EPR_DB_PASSWORD (Settings, Secrets and variables, Actions). \
                Jobs run where the database is reached: on a runner of one's own, or a hosted one that the database's \
                firewall lets in",
        },
        "gitlab-ci" | "gitlab" => System {
            title: "GitLab CI/CD",
            file: "docs/ci/gitlab-ci.yml",
            fence: "yaml",
            recipe: include_str!("../../../../docs/ci/gitlab-ci.yml"),
            settings: "the variables EPR_DB, EPR_IMAGE and EPR_DB_PASSWORD_FILE, the last of type File, masked and protected, its \
                environment scope epr-registry (Settings, CI/CD, Variables)",
        },
        "jenkins" => System {
            title: "Jenkins",
            file: "docs/ci/Jenkinsfile",
            fence: "groovy",
            recipe: include_str!("../../../../docs/ci/Jenkinsfile"),
            settings: "the environment variable EPR_DB (Manage Jenkins, System) and a credential epr-db-password of the \
                kind Secret text",
        },
        "tekton" => System {
            title: "Tekton",
            file: "docs/ci/tekton.yaml",
            fence: "yaml",
            recipe: include_str!("../../../../docs/ci/tekton.yaml"),
            settings: "the ConfigMap epr with the key db and the Secret epr-db with the key password, in the pipelines' namespace",
        },
        _ => return None,
    })
}

/// Whether a text stands for itself, between single quotes, in every recipe: nothing in it means
/// anything to YAML, Groovy, a shell, or a CI system that expands variables.
pub(super) fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || " ._:/@+-".contains(c);
    !text.is_empty() && text.chars().count() <= limits::FIELD_CHARS && text.chars().all(plain)
}

/// A recipe with values in its marked places; where there is none the example stays, and the mark.
pub(super) fn filled(recipe: &str, values: &[(&str, Option<String>); 3]) -> String {
    let mut out = String::with_capacity(recipe.len());
    for line in recipe.lines() {
        let place = values.iter().find_map(|(place, value)| {
            let value = value.as_ref()?;
            let head = [" # fill ", " // fill "]
                .iter()
                .find_map(|mark| line.split_once(&format!("{mark}{place}: ")))?
                .0;
            let key = [": ", " = "].iter().find_map(|sign| {
                let at = head.find(sign)? + sign.len();
                head.get(..at)
            })?;
            Some(format!("{key}'{value}'"))
        });
        out.push_str(place.as_deref().unwrap_or(line));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_has_the_places_that_are_filled() {
        for name in SYSTEMS {
            let recipe = system(name).unwrap().recipe;
            for place in ["receiver", "group", "name"] {
                let values = [place, "", ""].map(|place| (place, Some("Ä/b-1.2".to_owned())));
                let changed = filled(recipe, &values);
                let lines = changed.lines().zip(recipe.lines());
                let changed: Vec<_> = lines.filter(|(new, old)| new != old).collect();
                let places = if (name, place) == ("tekton", "name") {
                    2
                } else {
                    1
                };
                assert_eq!(changed.len(), places, "{name} {place}: {changed:?}");
                for (new, old) in changed {
                    assert!(new.ends_with(" 'Ä/b-1.2'"), "{new}");
                    let indent = |line: &str| line.len() - line.trim_start().len();
                    assert_eq!(indent(new), indent(old));
                }
            }
            assert_eq!(
                filled(recipe, &["receiver", "group", "name"].map(|p| (p, None))),
                recipe
            );
        }
    }

    #[test]
    fn no_recipe_holds_a_password() {
        for name in SYSTEMS {
            let recipe = system(name).unwrap().recipe;
            for url in recipe.split("postgres://").skip(1) {
                let user = url.split('@').next().unwrap();
                assert!(!user.contains(':'), "{name}: {user}");
            }
        }
    }

    /// The scripts of a recipe, before the CI system has replaced anything in them.
    fn scripts(system: &System, recipe: &str) -> Vec<String> {
        let mut found = Vec::new();
        if system.fence == "groovy" {
            for (at, _) in recipe.match_indices("sh ") {
                let (before, literal) = (&recipe[..at], &recipe[at + "sh ".len()..]);
                if !before.ends_with(char::is_whitespace) {
                    continue;
                }
                let quotes = ["'''", "\"\"\"", "'", "\""];
                let quote = quotes.iter().find(|quote| literal.starts_with(**quote));
                let quote = quote.unwrap_or_else(|| panic!("not understood: sh {literal}"));
                // With its quotes: they tell whether Groovy reads it.
                let inside = literal.split(quote).nth(1).unwrap();
                found.push(format!("{quote}{inside}"));
            }
        } else {
            for document in recipe.split("\n---\n") {
                let document: serde_json::Value = serde_saphyr::from_str(document).unwrap();
                scripts_of(&document, false, &mut found);
            }
        }
        found
    }

    fn scripts_of(value: &serde_json::Value, is_script: bool, found: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) if is_script => found.push(text.clone()),
            serde_json::Value::Array(items) => {
                for item in items {
                    scripts_of(item, is_script, found);
                }
            }
            serde_json::Value::Object(members) => {
                for (key, value) in members {
                    let keys = ["run", "script", "before_script", "after_script"];
                    scripts_of(value, keys.contains(&key.as_str()), found);
                }
            }
            _ => {}
        }
    }

    /// Whether the CI system would replace something in a script before a shell reads it.
    fn is_written_into(script: &str) -> bool {
        let context = |name: &str| script.contains(&format!("$({name}."));
        script.contains("${{")
            || script.contains("$[[")
            || ["params", "tasks", "context", "workspaces", "results"]
                .iter()
                .any(|name| context(name))
            || (script.starts_with('"') && script.contains('$'))
    }

    #[test]
    fn a_system_goes_by_the_short_name_too() {
        for (short, name) in [("github", "github-actions"), ("gitlab", "gitlab-ci")] {
            assert_eq!(system(short).unwrap().file, system(name).unwrap().file);
        }
        assert!(system("circle").is_none());
    }

    #[test]
    fn no_recipe_writes_a_variable_into_a_script() {
        for (name, wrong) in [
            ("github-actions", "\"${{ github.ref_name }}\""),
            ("gitlab-ci", "\"$[[ inputs.ref ]]\""),
            ("jenkins", ""),
            ("tekton", "\"$(params.ref)\""),
        ] {
            let system = system(name).unwrap();
            let clean = scripts(&system, system.recipe);
            for command in ["make scan", "event create", "gate check", "make deploy"] {
                let with = clean.iter().filter(|script| script.contains(command));
                assert_eq!(with.count(), 1, "{name}: {command} in {clean:?}");
            }
            assert_eq!(clean.len(), 4, "{name}: {clean:?}");
            for script in &clean {
                assert!(!is_written_into(script), "{name}: {script}");
            }
            // Double quotes are all that Groovy needs to replace what stands in them.
            let spoiled = if wrong.is_empty() {
                system.recipe.replace("'''", "\"\"\"")
            } else {
                system.recipe.replace("\"$RECEIVER\"", wrong)
            };
            let seen = scripts(&system, &spoiled);
            assert!(seen.iter().any(|s| is_written_into(s)), "{name}: {seen:?}");
        }
    }

    #[test]
    fn only_a_plain_name_stands_in_a_recipe() {
        for plain in ["payments-api", "acme/api", "Grüße 1.0", "a:b@c+d_e"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in [
            "",
            "a'b",
            "$(id)",
            "${{ secrets.X }}",
            "a\\b",
            "a\"b",
            "a\nb",
            "a#b",
            "`id`",
        ] {
            assert!(!is_plain(other), "{other}");
        }
    }
}
