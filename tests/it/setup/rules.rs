//! Rules for accounts of which the AWS files have several profiles.

use super::world::{World, read, write};
use crate::support::terminal;

const CONFIG: &str = "
[profile admin]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 111122223333
sso_role_name = Admin
[profile reader]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 111122223333
sso_role_name = Reader
[profile alone]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 444455556666
sso_role_name = Reader
";
const RULE: &str =
    "# chosen in `setup`\n[[registry]]\nmatch = \"111122223333.dkr.ecr.*.amazonaws.com\"\nprofile = \"reader\"\n";

fn world(aws: &str, ours: &str) -> World {
    let mut world = World::new();
    world.set("AWS_EC2_METADATA_DISABLED", "true");
    write(&world.home().join(".aws/config"), aws);
    if !ours.is_empty() {
        write(&world.ours(), ours);
    }
    world
}

#[test]
fn only_what_a_get_could_not_decide_is_told() {
    let keys = "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n";
    let role = "[profile base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n\
                [profile one]\nrole_arn = arn:aws-cn:iam::111122223333:role/a\nsource_profile = base\nregion = cn-north-1\n\
                [profile two]\nrole_arn = arn:aws-cn:iam::111122223333:role/b\nsource_profile = base\n";
    for (aws, ours, told, why) in [
        (CONFIG.to_owned(), "", Some("111122223333 (admin, reader)"), "two of one account"),
        (format!("{keys}{CONFIG}"), "", Some("111122223333 (admin, reader)"), "the default one is of another account"),
        (role.to_owned(), "", Some("111122223333 (one, two)"), "roles"),
        (CONFIG.replace("[profile reader]", "[default]"), "", None, "the default one is one of them"),
        (CONFIG.replacen("111122223333", "777788889999", 1), "", None, "each account has one"),
        (CONFIG.to_owned(), RULE, None, "a rule is for it"),
        (CONFIG.to_owned(), "[[registry]]\nmatch = \"*\"\nprofile = \"reader\"\n", None, "a rule for all"),
        (CONFIG.to_owned(), "[defaults]\nprofile = \"reader\"\n", None, "a default that is one of them"),
        ("[profile \n".to_owned(), "", None, "a file that cannot be read is doctor's to tell of"),
        (String::new(), "", None, "no profile"),
    ] {
        let world = world(&aws, ours);
        let printed = world.setup("").expect(why);
        let found = printed.stderr.contains("more than one AWS profile is of account");
        assert_eq!(found, told.is_some(), "{why}: {printed:?}");
        assert!(told.is_none_or(|words| printed.stderr.contains(words)), "{why}: {printed:?}");
        assert_eq!(std::fs::read_to_string(world.ours()).unwrap_or_default(), ours, "{why}: nothing is guessed");
        assert!(!world.setup("docker").expect(why).stderr.contains("more than one"), "{why}: a client is named");
    }
    let told = world(role, "").setup("").unwrap().stderr;
    assert!(told.contains("match = \"111122223333.dkr.ecr.*.amazonaws.com.cn\""), "{told}");
}

#[test]
fn a_person_chooses_sees_the_rule_and_can_go_back() {
    for (typed, rule, why) in [
        ("2\ny\n", Some(RULE), "by its number"),
        ("reader\ny\n", Some(RULE), "by its name"),
        ("\ny\n", None, "none"),
        ("7\ny\n", None, "no such one"),
    ] {
        let mine = "[cache]\nrefresh-before = \"2h\" # mine\n";
        let world = world(CONFIG, mine);
        let before = world.files();
        let (status, screen) = terminal::run_typing(&world.program(), &["setup"], typed);
        assert_eq!(status, 0, "{why}: {screen}");
        assert!(screen.contains("which one pulls its images? [1-2, Enter for none]"), "{why}: {screen}");
        let line = "+ [[registry]] match = \"111122223333.dkr.ecr.*.amazonaws.com\", profile = \"reader\"";
        assert_eq!(screen.contains(line), rule.is_some(), "{why}: {screen}");
        assert_eq!(read(&world.ours()), rule.map_or(mine.into(), |rule| format!("{mine}\n{rule}")), "{why}");
        world.setup("--undo").unwrap();
        assert_eq!(world.files(), before, "{why}: byte for byte");
    }
    let world = world(CONFIG, "");
    terminal::run_typing(&world.program(), &["setup"], "2\ny\n");
    let theirs = "\n[[registry]]\nmatch = \"x.example\"\nprofile = \"alone\"\n";
    write(&world.ours(), format!("{}{theirs}", read(&world.ours())));
    world.setup("--undo").unwrap();
    assert_eq!(read(&world.ours()).trim(), theirs.trim(), "what others wrote stays");
}
