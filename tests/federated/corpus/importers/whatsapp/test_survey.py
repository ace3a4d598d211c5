import pytest

HEADER = "24/12/2022, 18:05 - "


@pytest.mark.parametrize(
    "line",
    [
        'Uwe hat die Gruppe "Xmas: Plan" erstellt',
        'Ann created group "Xmas: the plan"',
        "Ann created group “Xmas: the plan”",
        'Ann changed the subject from "Xmas: the plan" to "Xmas: at home"',
        'Ann changed the group name from "A" to "B: c"',
        "Marie a créé le groupe « Famille : été »",
        "Marie a créé le groupe « Famille: été »",
        "Anna utworzył(a) grupę „Xmas: Plan”",
        "Ana creó el grupo «Navidad: plan»",
        "小明建立了群組「聖誕: 計畫」",
        "Анна создал(а) группу «План: январь»",
        'علي أنشأ المجموعة "خطة: يناير"',
        "Ann changed the group description: see below",
        "Zzz yyy xxx www vvv uuu ttt sss rrr: qqq",
        "הודעות ושיחות מוצפנות מקצה לקצה: אף אחד מחוץ לצ'אט הזה לא יכול לקרוא אותן.",
        "Messages and calls are end-to-end encrypted. Tap to learn more: here",
        "Bob left",
        "Bob added Cem",
        "You're now an admin",
    ],
)
def test_a_change_of_the_group_is_no_author(read_chat, line):
    records, skipped = read_chat(f"{HEADER}{line}", f"{HEADER}Ann: hi", f"{HEADER}Uwe: ok")
    assert [record.user_id for record in records] == ["Ann", "Uwe"]
    assert skipped.counts == {"group change or other line without an author": 1}


@pytest.mark.parametrize(
    "author",
    [
        "Left Bank Cafe",
        "Added Value Ltd",
        "Tom (joined May)",
        "Dana",
        "Removed Furniture & Co",
        "Changed Lives e.V.",
        "Ann from the gym",
        "Jürgen created",
        'Ann "Annie" Smith',
        "Kaleo‘okalani",
        "O'Brien",
        "Dr. Left, MD",
        "+65 9123 4567",
        "~ Sam",
        "El grupo de la casa",
        "Maria da Silva e Souza dos Santos",
        "محمد بن علي",
        "ann@example.com",
    ],
)
def test_a_verb_in_a_name_makes_nobody_a_system_line(read_chat, author):
    records, skipped = read_chat(f"{HEADER}{author}: hello", f"{HEADER}Ann: hi")
    assert [record.user_id for record in records] == [author.strip("~ "), "Ann"]
    assert not skipped.counts


def test_a_group_whose_name_has_a_colon_is_no_author_on_ios(read_chat):
    records, _ = read_chat(
        "[24.12.22, 18:04:00] Xmas: Plan: \u200eUwe created this group", "[24.12.22, 18:05:00] Uwe: hello: you"
    )
    assert [(record.user_id, record.text) for record in records] == [("Uwe", "hello: you")]


def test_a_wide_colon_ends_the_author_too(read_chat):
    records, _ = read_chat(f"{HEADER}小明：今天", f"{HEADER}小红: 好")
    assert [(record.user_id, record.text) for record in records] == [("小明", "今天"), ("小红", "好")]
