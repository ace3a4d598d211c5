"""Words that announce a secret, and the secret after them.

A *password word* (`password`, `Kennwort`, `密码`) announces any characters, a *code word* (`PIN`, `código`) announces
digits. What follows a colon or an equals sign is the secret whatever it looks like. What follows otherwise
(`my password is …`) is one if it has a digit or a sign inside, because "the password is wrong" is more frequent.

A space in these lists stands for a space, a hyphen, an underscore or nothing; `*` for the rest of a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from keyboard_model.text.masking import Span
from keyboard_model.text.sensitive.folded_text import BEGINNING, Features, fold, lower_form

_PASSWORD_WORDS = (
    "pass word/pass words/pass code/pass phrase/passwort/passwörter/passwd/passw/pword/pwd/pw/psw/pass key"
    "/kenn wort/losungswort/contraseña/contrasena/contrasenya/mot de passe/mdp/senha/palavra passe/parola"
    "/parola d'ordine/wachtwoord/hasło/haslo/heslo/jelszó/jelszo/lösenord/losenord/passord/adgangskode/salasana"
    "/пароль/пароля/паролем/лозинка/парола/κωδικός/κωδικος/şifre/şifrem/şifresi/sifre/mật khẩu/mat khau"
    "/kata sandi/sandi/geslo/lozinka/šifra/parool/slaptažodis/पासवर्ड/كلمة السر/كلمة المرور/סיסמה/סיסמא/رمز عبور"
    "/secret/api key/api token/api secret/access key/access token/auth key/auth token/private key/secret key"
    "/encryption key/token/bearer/wifi key/wifi pass/wifi code/wifi/wlan key/wlan schlüssel/wlan passwort"
    "/netzwerkschlüssel/network key/clé wifi/clave/clave wifi/key/seed phrase/recovery phrase/mnemonic"
)
_CODE_WORDS = (
    "pin/pin code/pin number/pin nummer/puk/tan/mtan/otp/2fa/mfa/cvv/cvv2/cvc/cvc2/csc/geheimzahl/prüfziffer"
    "/prüfnummer/security code/verification code/recovery code/backup code/backup codes/recovery codes"
    "/access code/login code/sign in code/confirmation code/door code/gate code/entry code/unlock code/alarm code"
    "/safe code/lock code/one time code/authentication code/activation code/reset code/sms code/sicherheitscode"
    "/bestätigungscode/prüfcode/zugangscode/türcode/entsperrcode/wiederherstellungscode/aktivierungscode"
    "/ersatzcode/einmalcode/código/codigo/codice/code secret/code confidentiel/код/код подтверждения"
    "/код доступа/пин/пин код/رمز/קוד/kod/kód/kode/kood/koodi/mã/mã pin/mã xác nhận/licence key/license key"
    "/product key/serial/serial number/activation key/sort code/routing number/bic/swift/passport number/passport"
    "/account number/kontonummer/ausweisnummer/reisepass/passeport/pasaporte/passaporto/ssn"
    "/social security number/tax id/steuernummer/tracking number/order number/booking code/booking reference"
    "/confirmation number/member id/pnr/plate/kennzeichen"
)
_UNSPACED_PASSWORD = r"(?:รหสผาน|密码|密碼|口令|パスワード|비밀번호|비번)"
_UNSPACED_CODE = r"(?:验证码|驗證碼|校验码|認証コード|確認コード|暗証番号|인증번호|認證碼|รหส)"
# Everyday words that announce a password only before a colon.
_ONLY_WITH_COLON = "pass/wifi/wlan/wpa/wpa2/login/logins/credentials/zugangsdaten/zugang"
_CODES_THAT_ARE_NONE = "code/codes/key/keys/gift card"
_BIRTH_WORDS = (
    "born/birth*/bday/dob/geboren/geburt*/geb/née/né/naissance/nacido/nacida/nací/nacimiento/cumple*/nata/nato"
    "/nascita/compleanno/nascido/nascida/nasci/nascimento/aniversário/verjaar*/geboorte*/urodz*/naroz*/narod*"
    "/född/födelse*/født/fødsel*/syntynyt/syntymä*/рожд*/родил*/doğum*/doğdu*/γεν*/lahir/ngày sinh/ولد/ولدت"
    "/ميلاد*/נולד*/जन्म*"
)
_UNSPACED_BIRTH = r"(?:生日|出生|生年月日|誕生日|생년월일|생일|เกด)"


def _entries(words: str) -> list[str]:
    return lower_form(fold(words).text).split("/")


def _pattern(words: str) -> str:
    longest_first = sorted(_entries(words), key=len, reverse=True)
    return "|".join(
        re.escape(word).replace("wifi", "wi-?fi").replace(r"\ ", "[ _-]?").replace(r"\*", r"\w*")
        for word in longest_first
    )


class _Gate:
    """Sees quickly that a text has none of the words; sometimes wrongly not."""

    def __init__(self, words: str, unspaced: str = "") -> None:
        """`unspaced` is a pattern of words that need no space around them."""
        self.words: set[str] = set()
        self._starts: tuple[str, ...] = ()
        self._unspaced = re.compile(unspaced) if unspaced else None
        for entry in _entries(words):
            if entry.endswith("*"):
                self._starts += (entry[:-1],)
                continue
            # What is one word in the list may be written as several, and the other way round: the last one counts.
            parts = re.findall(r"[^\W_]+", entry.replace("wifi", "wi fi"))
            self.words |= {"".join(parts[first:]) for first in range(len(parts))}
            self.words.add(parts[-1][:BEGINNING])

    def opens(self, features: Features) -> bool:
        return (
            not self.words.isdisjoint(features.cues)
            or (self._starts != () and any(word.startswith(self._starts) for word in features.words))
            or (self._unspaced is not None and self._unspaced.search(features.text) is not None)
        )


_BEFORE, _AFTER = r"(?<![^\W_])", r"(?![^\W\d_])"
_PASSWORD = rf"(?:(?:{_BEFORE}(?:{_pattern(_PASSWORD_WORDS)}){_AFTER})|{_UNSPACED_PASSWORD})"
_CODE = rf"(?:(?:{_BEFORE}(?:{_pattern(_CODE_WORDS)}|code[ _-]?de[ _-]?\w*){_AFTER})|{_UNSPACED_CODE})"
_ANNOUNCES = re.compile(rf"{_PASSWORD}|{_CODE}|{_BEFORE}(?:{_pattern(_CODES_THAT_ARE_NONE)}){_AFTER}")
_ANNOUNCES_BIRTH = re.compile(rf"{_BEFORE}(?:{_pattern(_BIRTH_WORDS)}){_AFTER}|{_UNSPACED_BIRTH}")
_PASSWORDS = _Gate(_PASSWORD_WORDS, _UNSPACED_PASSWORD)
_CODES = _Gate(f"{_CODE_WORDS}/{_CODES_THAT_ARE_NONE}", _UNSPACED_CODE)
_BIRTHS = _Gate(_BIRTH_WORDS, _UNSPACED_BIRTH)
_WITH_COLON = _Gate(_ONLY_WITH_COLON)
_QUOTES = "\"'`“”„«»‚‘’「」"
_IS = (
    r"(?: ?(?:为|為|は|是|가|는)| (?:is now|is|are|was|=|to|ist|lautet|war|auf|est|es|era|é|è|foi|jest|är|er|on|это|is:"
    r"|будет|adalah|eh))"
)
_POINTS = r"\s{0,2}(?:[:=]|->|→){1,2}\s{0,2}"
# Of what the password is; the bound keeps the search time linear.
_OF = r"(?: (?:for|to|of|für|de|del|di|do|von) (?:\w+ ){0,2}\w+)?"
_PASSWORD_VALUE = re.compile(
    rf"{_PASSWORD}{_OF}[{_QUOTES}]?(?P<link>{_POINTS}|{_IS}?\s?(?=[{_QUOTES}])|{_IS}?[ -]{{1,3}}|{_IS})"
    rf"(?P<quote>[{_QUOTES}]?)(?P<value>(?!{_PASSWORD}|{_CODE})[^\s{_QUOTES}<>][^\s<>]{{2,}})",
)
_CODE_VALUE = re.compile(
    rf"{_CODE}{_OF}\s?(?:[:=#]|{_IS}|->|→)?:?\s?[{_QUOTES}]?"
    r"(?P<value>[a-z0-9][a-z0-9-]{2,40}(?: [a-z0-9-]*\d[a-z0-9-]*){0,5})",
)
_VALUE_AFTER_COLON = re.compile(rf"{_BEFORE}(?:{_pattern(_ONLY_WITH_COLON)}){_POINTS}(?P<value>[^\s<>]{{4,}})")
_SEED_PHRASE = re.compile(
    r"(?:seed|recovery|secret|backup|wallet) (?:phrase|words)\W{1,3}(?:is )?"
    r"(?P<value>[a-z]{3,8}(?:[ ,]+[a-z]{3,8}){11,23})",
)
_PHRASES = frozenset(("phrase", "words"))
_CAPITALS = re.compile(r"[A-Z0-9][A-Z0-9-]{4}")  # in every code of fewer than two digits
_SIGN_INSIDE = re.compile(r"\d|[^\W_][!@#$%^&*_+=~?][^\W_]|[^\W_][!@#$%^&*+=~]{2,}$|[a-z][A-Z]")
_NOT_PASSWORDS = (
    "is are was the a an for to and or in of my your please not none ist der die das nicht und oder est le la es el y"
    " no yes you i we it he she they what see same wrong required incorrect invalid lol haha"
)
_NO_PASSWORD = frozenset(_NOT_PASSWORDS.split())
_BUT_AT_THE_END = ".,;!?)]}" + _QUOTES

_BEFORE_LETTERS = (
    "password passwort passcode contraseña senha wachtwoord hasło пароль şifre lösenord mdp pw pwd key phrase words"
    " mnemonic bic swift secret token wifi"
)
ANNOUNCING_WORDS = frozenset(
    form for word in _BEFORE_LETTERS.split() for form in (word, word.capitalize(), word.upper())
)
"""Words after which letters alone may be a secret, to see quickly that a message has none."""


CUES = _PASSWORDS.words | _CODES.words | _WITH_COLON.words | _PHRASES
"""One of these is among the `cues` of every text in ASCII that announces a secret."""


def may_announce_secret(features: Features) -> bool:
    """Returns whether the text may announce a secret; quick, and sometimes wrongly true."""
    return _PASSWORDS.opens(features) or _CODES.opens(features)


def may_announce_birth(features: Features) -> bool:
    """Returns whether the text may speak of a birth; quick, and sometimes wrongly true."""
    return _BIRTHS.opens(features)


def announces_secret(line: str) -> bool:
    """Returns whether the line in `lower_form` has a word that announces a secret."""
    return _ANNOUNCES.search(line) is not None


def announces_birth(line: str) -> bool:
    """Returns whether the line in `lower_form` speaks of a birth, so that a date in it may be a date of birth."""
    return _ANNOUNCES_BIRTH.search(line) is not None


def announced(features: Features) -> Iterator[Span]:
    """Yields the spans of the secrets that words before them announce."""
    text, lower = features.text, features.lower
    if _PASSWORDS.opens(features):
        for match in _PASSWORD_VALUE.finditer(lower):
            value = text[match.start("value") : match.end("value")].rstrip(_BUT_AT_THE_END)
            clear = any(sign in match["link"] for sign in ":=→>") or match["quote"]
            if len(value) >= 3 and (_SIGN_INSIDE.search(value) or (clear and value.lower() not in _NO_PASSWORD)):
                yield match.start("value"), match.start("value") + len(value)
    if (features.digits > 1 or _CAPITALS.search(text)) and _CODES.opens(features):
        for match in _CODE_VALUE.finditer(lower):
            value = text[match.start("value") : match.end("value")]
            if sum(map(str.isdigit, value)) >= 3 or _like_a_code(value.split(" ")[0]):
                yield match.span("value")
    if any(sign in text for sign in ":=→") and _WITH_COLON.opens(features):
        for match in _VALUE_AFTER_COLON.finditer(lower):
            value = text[match.start("value") : match.end("value")].rstrip(_BUT_AT_THE_END)
            if _SIGN_INSIDE.search(value):
                yield match.start("value"), match.start("value") + len(value)
    if not _PHRASES.isdisjoint(features.words):
        yield from (match.span("value") for match in _SEED_PHRASE.finditer(lower))


def _like_a_code(word: str) -> bool:
    """Returns whether `word` is of capitals, as in `code: XKJDPQ`, or of letters and several digits."""
    digits = sum(map(str.isdigit, word))
    return len(word) >= 5 and (word.isupper() or (digits >= 2 and not word.isdigit()))
