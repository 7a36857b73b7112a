use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// A document whose text is known with and without white space.
#[derive(Debug, Clone)]
enum Json {
    Scalar(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn write(&self, out: &mut String, space: &str) {
        let (open, close, parts) = match self {
            Self::Scalar(text) => return out.push_str(text),
            Self::Array(parts) => ('[', ']', parts.iter().map(|part| (None, part)).collect()),
            Self::Object(members) => {
                let members = members.iter().map(|(key, value)| (Some(key), value));
                ('{', '}', members.collect::<Vec<_>>())
            }
        };
        out.push(open);
        out.push_str(space);
        for (at, (key, value)) in parts.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
                out.push_str(space);
            }
            if let Some(key) = key {
                out.push_str(key);
                out.push_str(space);
                out.push(':');
            }
            value.write(out, space);
            out.push_str(space);
        }
        out.push(close);
    }

    fn text(&self, space: &str) -> String {
        let mut out = String::new();
        self.write(&mut out, space);
        out
    }
}

fn key() -> impl Strategy<Value = String> {
    let marks = ["$table", "$$table", "$lines", "$columns", "$left_out", "$$$left_out", "$ref"];
    let plain = ["id", "name", "error", "rows", "", "a\\u0024", "long name of a member", "é"];
    let name = select([&marks[..], &plain, &plain, &plain].concat());
    name.prop_map(|name| format!("\"{name}\""))
}

fn scalar() -> impl Strategy<Value = Json> {
    let given = ["0", "-0", "1.0", "1.00", "1e400", "12345678901234567890123.5E-7", "true", "null"];
    let texts = [r#""""#, r#""x""#, r#""\ud800 \"q\" \/""#, r#""a : b, [c]""#, r#""$table""#];
    select([&given[..], &texts].concat()).prop_map(|text| Json::Scalar(text.to_owned()))
}

/// Objects with the same keys, of which some may be missing, some values equal in all.
fn rows(value: BoxedStrategy<Json>) -> impl Strategy<Value = Json> {
    let column = (key(), value.clone(), 0..4_u8);
    let columns = vec(column, 1..6);
    (columns, vec((vec((value, any::<u8>()), 6), any::<u8>()), 2..12)).prop_map(
        |(columns, rows)| {
            let row = |(cells, odd): (Vec<(Json, u8)>, u8)| {
                let cells = columns.iter().zip(cells);
                let cells = cells.filter(|((_, _, kind), (_, dice))| *kind != 0 || *dice > 60);
                let members = cells.map(|((key, same, kind), (value, _))| {
                    (key.clone(), if *kind == 1 { same.clone() } else { value })
                });
                if odd < 8 { Json::Scalar("7".to_owned()) } else { Json::Object(members.collect()) }
            };
            Json::Array(rows.into_iter().map(row).collect())
        },
    )
}

fn json() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(5, 200, 8, |inner| {
        let value = inner.boxed();
        prop_oneof![
            vec(value.clone(), 0..6).prop_map(Json::Array),
            vec((key(), value.clone()), 0..6).prop_map(Json::Object),
            rows(value),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_compacted_document_expands_to_itself(value in json(), space in select(vec!["", " ", "\n\t "])) {
        let short = compact(&value.text(space)).unwrap();
        prop_assert_eq!(expand(&short), Some(value.text("")), "by {}", short);
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&short).is_ok());
    }

    #[test]
    fn compacted_lines_expand_to_themselves(values in rows(scalar().boxed()), blank in select(vec!["\n", " \r\n\n"])) {
        let Json::Array(values) = values else { unreachable!("rows are an array") };
        let lines: Vec<_> = values.iter().map(|value| value.text("")).collect();
        let short = compact(&lines.join(blank)).unwrap();
        prop_assert_eq!(expand(&short), Some(lines.join("\n")), "by {}", short);
    }

    #[test]
    fn what_is_reduced_fits_and_is_json(value in json(), room in 0_usize..400) {
        if let Some(short) = reduce_json(&value.text(" "), &|text| text.len(), room) {
            prop_assert!(short.len() <= room);
            prop_assert!(expand(&short).is_some(), "{}", short);
        }
    }
}

#[test]
fn a_table_says_its_keys_and_constants_once() {
    let text = r#"{"users":[
        {"id":1,"type":"user","name":{"first":"Ada","last":"Byron"},"mail":"a@b.c"},
        {"id":2,"type":"user","name":{"first":"Alan","last":"Turing"}},
        {"id":3,"type":"user","name":{"first":"Grace","last":"Hopper"}},
        {"id":4,"type":"user","name":{"first":"Edsger","last":"Dijkstra"},"mail":"e@d.n"}]}"#;
    let columns = r#"["id",{"type":"user"},{"name":{"$columns":["first","last"]}},["mail"]]"#;
    let rows = r#"[1,["Ada","Byron"],["a@b.c"]],[2,["Alan","Turing"],[]],[3,["Grace","Hopper"],[]],[4,["Edsger","Dijkstra"],["e@d.n"]]"#;
    let expected = format!(r#"{{"users":{{"$table":{columns},"rows":[{rows}]}}}}"#);
    assert_eq!(compact(text), Some(expected));
}

#[test]
fn malformed_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "[1 2]",
        "1 2",
        "{} {}",
        "01",
        "1.",
        "-",
        "1e",
        "\"\\x\"",
        "\"\n\"",
        "\"",
        "nul",
        "[}",
        "{]",
        "{1:2}",
        "]",
        "\u{feff}1",
        "'a'",
    ] {
        assert_eq!(compact(text), None, "{text:?}");
    }
}

#[test]
fn any_depth_is_read_without_a_deep_stack() {
    let depth = 100_000;
    let text = format!("{}{{\"$table\": 1}}{}", "[ ".repeat(depth), "]".repeat(depth));
    let short = compact(&text).unwrap();
    assert_eq!(expand(&short).unwrap(), text.replace(' ', ""));
    let objects = "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
    assert_eq!(expand(&compact(&objects).unwrap()).unwrap(), objects);
    assert_eq!(compact(&"[".repeat(depth)), None);
}

#[test]
fn a_sample_keeps_what_stands_out() {
    let rows: Vec<String> = (0..2_000)
        .map(|at| match at {
            700 => r#"{"at":700,"ms":5,"state":"ok","note":"connection refused"}"#.to_owned(),
            900 => r#"{"at":900,"ms":99.5,"state":"ok","note":"x"}"#.to_owned(),
            1100 => r#"{"at":1100,"ms":5,"state":"paused","note":"x"}"#.to_owned(),
            _ => format!(r#"{{"at":{at},"ms":5,"state":"ok","note":"x"}}"#),
        })
        .collect();
    let short = reduce_json(&format!("[{}]", rows.join(",")), &|text| text.len(), 600).unwrap();
    for kept in [r#""connection refused""#, "[900,99.5,", r#""paused""#, "[0,5,", "[1999,5,"] {
        assert!(short.contains(kept), "{kept} in {short}");
    }
    let rows_kept = short.matches("],[").count() + 1;
    assert!(short.contains(&format!(r#"{{"$left_out":{}}}"#, 2_000 - rows_kept)), "{short}");
}
