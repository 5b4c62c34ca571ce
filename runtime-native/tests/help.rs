//! The help of the three programs.

use clap::{Command, CommandFactory};
use easel_native::{classify, sample, stylize};

/// Words that state a default in prose.
const PROSE: [&str; 5] = ["default", "unless", "otherwise", "if omitted", "if not given"];

fn programs() -> [Command; 3] {
    [classify::Args::command(), sample::Args::command(), stylize::Args::command()]
}

/// The text that people wrote, in lower case: clap's own `[default: ..]` is not in it.
fn texts(program: &Command) -> Vec<String> {
    let own = [program.get_about(), program.get_long_about(), program.get_before_help(), program.get_after_help()];
    let arguments = program.get_arguments().flat_map(|argument| [argument.get_help(), argument.get_long_help()]);
    own.into_iter().chain(arguments).flatten().map(|text| text.to_string().to_lowercase()).collect()
}

#[test]
fn no_default_is_written_in_prose() {
    for program in programs() {
        for text in texts(&program) {
            let found = PROSE.into_iter().find(|words| text.contains(words));
            assert_eq!(found, None, "{}: {text}", program.get_name());
        }
    }
}

/// `auto` means something else for every option, so each says what.
#[test]
fn every_auto_is_explained() {
    for program in programs() {
        let automatic = program
            .get_arguments()
            .filter(|argument| argument.get_default_values().iter().any(|value| value == "auto"));
        for argument in automatic {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("auto"), "{} --{}: {help}", program.get_name(), argument.get_id());
        }
        let help = program.clone().render_help().to_string();
        assert!(help.contains("[default: auto]"), "{help}");
    }
}
