"""The report, as a browser sees it."""

import os
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import processes
import pytest
from click.testing import CliRunner
from datafiles import RADIUS, simulated
from matplotlib.image import imread

from centering import CenterOfMass, Centers, Flag
from centering.cli import main
from centering.cli._common import option
from centering.engine.contrast import Contrast
from centering.engine.job import Job
from centering.io.mrc import write_stack
from centering.io.opening import open_particles
from centering.report import charts, stack, write_report
from centering.report.pictures import marked
from centering.report.words import FLAGS
from centering.runs.evidence import gather
from centering.runs.prepare import prepare

COUNT = 12
HOSTILE = '<img src=x onerror=alert(1)>&"$name.mrcs'


class Page(HTMLParser):
    """What is in a page: elements, texts, ids."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(Path(path).read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br", "img", "input", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(self.texts)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in a folder with a simulated stack."""
    monkeypatch.chdir(tmp_path)
    write_stack("stack.mrcs", simulated(COUNT, snr=0.5).images, 1.5)
    return tmp_path


def command(*arguments):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the folders of runs whose report only needs to be read, by the name of their stack."""
    folders = {}
    for name in ("stack.mrcs", HOSTILE):
        folders[name] = tmp_path_factory.mktemp("run")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folders[name])
            write_stack("stack.mrcs", simulated(COUNT, snr=0.5).images, 1.5)
            Path("stack.mrcs").rename(name)
            command("run", name, "--radius", RADIUS, "--out", "out", "-j", 1)
    return folders


@pytest.fixture
def reported(runs, tmp_path, monkeypatch):
    """Work in a folder with a simulated stack and what a run made of it."""
    monkeypatch.chdir(shutil.copytree(runs["stack.mrcs"], tmp_path, dirs_exist_ok=True))
    return tmp_path


@pytest.fixture
def hostile(runs, tmp_path, monkeypatch):
    """Work in a folder with a run of a stack whose name is no text for a page."""
    monkeypatch.chdir(shutil.copytree(runs[HOSTILE], tmp_path, dirs_exist_ok=True))
    return tmp_path


@pytest.mark.usefixtures("reported")
def test_the_report_says_what_the_run_found():
    page = Page("out/report.html")
    sections = [attributes["id"] for attributes in page.all("section")]
    assert sections == ["summary", "particles", "shifts", "mean", "doubtful", "flags", "how"]
    assert [attributes["href"] for attributes in page.all("a")][1:] == [f"#{name}" for name in sections]
    for words in ("Half of the 12 centres found", "1.5 Å", "bright on a dark background", "Python", "pswf-centering"):
        assert words in page.text
    # the command that gives the same results
    assert f"centering run stack.mrcs --out out --radius {float(RADIUS)}" in page.text
    for name in ("mean.png", "profile.png", "shifts.png", "montage.png"):
        assert imread(f"out/{name}").std() > 0.05
    for name in ("mean.svg", "profile.svg", "shifts.svg"):
        assert "<svg" in Path(f"out/{name}").read_text()


@pytest.mark.usefixtures("reported")
def test_it_needs_nothing_else():
    page = Page("out/report.html")
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;base64,"))
    assert not page.all("script")
    assert not page.all("link")
    assert "url(http" not in Path("out/report.html").read_text()
    policy = next(one["content"] for one in page.all("meta") if "http-equiv" in one)
    assert policy.startswith("default-src 'none'")


@pytest.mark.usefixtures("reported")
def test_every_picture_is_described_and_tables_are_reachable():
    page = Page("out/report.html")
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    pictures = [one for one in page.all("svg") if one.get("aria-hidden") != "true"]
    assert len(pictures) == 2 * 8 + 2 + 2 + 1 + 2 * 10
    assert all(one["role"] == "img" and len(one["aria-label"]) > 15 for one in pictures)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(one["tabindex"] == "0" and one["aria-label"] for one in page.all("div") if one.get("role") == "region")
    assert page.all("a")[0] == {"class": "skip", "href": "#content"}


def test_equal_runs_give_equal_reports(project):
    for jobs in (1, 2):
        command("run", "stack.mrcs", "--radius", RADIUS, "--out", "out", "-j", jobs, "--overwrite")
        contents = {path.name: path.read_bytes() for path in Path("out").iterdir()}
        if jobs == 1:
            first = contents
    assert contents == first


@pytest.mark.usefixtures("reported")
def test_no_report_on_request_and_an_old_one_goes():
    command("run", "stack.mrcs", "--radius", RADIUS, "--out", "out", "--overwrite", "--no-report")
    assert not {"report.html", "mean.png", "profile.svg"} & {path.name for path in Path("out").iterdir()}


@pytest.mark.usefixtures("hostile")
def test_hostile_names_are_text():
    page = Page("out/report.html")
    assert not page.all("img")
    assert HOSTILE in page.text
    assert not any("onerror" in attributes for _, attributes in page.elements)


def test_ellipses_appear_where_there_is_a_covariance(project):
    job = prepare(open_particles("stack.mrcs"), radius=RADIUS)
    centers = job.estimators[0](job.particles.read(np.arange(COUNT)))
    Path("out").mkdir()
    write_report("out", job, centers)
    assert not Page("out/report.html").all("ellipse")
    covariance = np.tile(np.diag([4.0, 1.0]), (COUNT, 1, 1))
    write_report("out", job, Centers(centers.displacement, centers.score, centers.flags, covariance, "known"))
    # two for every particle of the montage, one for each doubtful one, one in each key
    assert len(Page("out/report.html").all("ellipse")) == 2 * 8 + 10 + 2


def test_an_ellipse_has_the_axes_of_its_covariance():
    # 95 % of a normal distribution of unit variance lie within 2.448 of its mean
    turned = np.array([[2.5, 1.5], [1.5, 2.5]])  # standard deviations 2 along (1, 1), 1 across
    svg = marked(np.zeros((20, 20)), "words", center=np.zeros(2), covariance=turned)
    found = re.search(r'rx="([\d.]+)" ry="([\d.]+)" transform="rotate\((-?[\d.]+)', svg)
    major, minor, angle = map(float, found.groups())
    np.testing.assert_allclose([major, minor], [2 * 2.448, 2.448], atol=0.01)
    assert angle % 180 == pytest.approx(45)


def test_marks_lie_where_the_numbers_say():
    svg = marked(np.zeros((20, 20)), "words", center=np.array([3.0, -2.0]), radius=5)
    assert '<circle class="ring" cx="8.50" cy="13.50" r="5"/>' in svg


def test_a_stack_of_which_nothing_can_be_looked_at(project):
    write_stack("stack.mrcs", np.full((3, 48, 48), np.nan))
    command("run", "stack.mrcs", "--radius", RADIUS, "--out", "out", "--invert", "no")
    page = Page("out/report.html")
    assert "No image could be looked at" in page.text
    assert "3 images have NaN or infinite pixels" in page.text
    assert [one["id"] for one in page.all("section")] == ["summary", "flags", "how"]


def test_other_estimators_have_no_landscape_and_no_score(project):
    command("run", "stack.mrcs", "--estimator", "mass", "--out", "out")
    page = Page("out/report.html")
    assert "landscape" not in page.text
    assert "score nan" not in page.text


@pytest.mark.parametrize(
    ("gain", "words"), [(3.576, "3.58 times as sharp"), (0.4, "less sharp"), (-0.25, "less sharp")]
)
def test_the_mean_image_is_no_negative_times_as_sharp(project, gain, words):
    job = prepare(open_particles("stack.mrcs"), estimator="mass")
    found = CenterOfMass()(job.particles.read(np.arange(COUNT)))
    evidence = replace(gather(job, found), gain=gain)
    text = stack.mean(Path(), job, np.ones((8, 8)), np.ones((8, 8)), COUNT, evidence)
    assert f"After centering it is {words}" in text


def test_warnings_are_said(project):
    job = prepare(open_particles("stack.mrcs"), estimator="mass")
    job = Job(job.particles, job.estimators, job.members, job.radius, Contrast(False, 1, 2))
    found = CenterOfMass()(job.particles.read(np.arange(COUNT)))
    flags = np.full(COUNT, int(Flag.BORDER))
    Path("out").mkdir()
    write_report("out", job, Centers(found.displacement, found.score, flags, None, "x"))
    page = Page("out/report.html")
    for words in ("The contrast is unclear", "12 centres lie on the border", "100.0 %", FLAGS[Flag.BORDER]):
        assert words in page.text
    given = ("invert='yes' or invert='no'", "larger max_shift")
    typed = ("--invert yes or --invert no", "larger --max-shift")
    assert all(words in page.text for words in given)
    assert not any(words in page.text for words in typed)
    write_report("out", job, Centers(found.displacement, found.score, flags, None, "x"), namer=option)
    page = Page("out/report.html")
    assert all(words in page.text for words in typed)


def test_the_report_of_the_command_names_its_options(project):
    simulated_stack = simulated(COUNT, seed=3)
    write_stack("unknown.mrcs", simulated_stack.images, None)
    result = CliRunner().invoke(main, ["run", "unknown.mrcs", "--estimator", "mass", "--out", "named"])
    assert result.exit_code == 0, result.output
    assert "Give --angpix." in Page("named/report.html").text


def test_every_flag_is_explained():
    assert set(FLAGS) == set(Flag)


def test_radial_profile_of_a_cone():
    position = np.arange(33) - 16
    cone = 20 - np.hypot(position[:, None], position[None, :])
    np.testing.assert_allclose(charts.radial_profile(cone), 20 - np.arange(16), atol=0.35)


# ---- Chromium ----


@pytest.fixture(scope="module")
def chromium():
    """Return the path of Chromium; skip where there is none, unless this is a run that must have it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CENTERING_REQUIRE_PROGRAMS"):
            pytest.fail("chromium is not installed, and CENTERING_REQUIRE_PROGRAMS is set")
        pytest.skip("needs Chromium: chromium is not installed")
    return program


def browse(chromium, folder, *options):
    arguments = [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
        "--disable-dev-shm-usage", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}", *options,
    ]  # fmt: skip
    return processes.run(arguments, capture_output=True, text=True, check=True)


PROBE = """<!doctype html><body style="margin:0"><iframe id="f" src="out/report.html"
style="border:0;width:{width}px;height:900px"></iframe><pre id="answer"></pre><script>
document.getElementById('f').onload = () => {{
  const page = document.getElementById('f').contentDocument;
  const root = page.documentElement;
  const wide = [...page.querySelectorAll('main *, header *')].filter(one =>
    !one.closest('svg') && !one.closest('.scroll') && one.getBoundingClientRect().right > root.clientWidth + 1);
  const flat = [...page.querySelectorAll('svg')].filter(one => one.getBoundingClientRect().height < 5);
  document.getElementById('answer').textContent = JSON.stringify({{
    overflow: root.scrollWidth - root.clientWidth, wide: wide.length, flat: flat.length,
    background: page.defaultView.getComputedStyle(page.body).backgroundColor,
    scripts: page.scripts.length, images: page.querySelectorAll('svg image').length,
  }});
}};</script></body>"""


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_runs_out_of_the_page(hostile, chromium, width):
    import html
    import json

    Path("probe.html").write_text(PROBE.format(width=width))
    result = browse(
        chromium, hostile, f"--window-size={max(width, 500)},900", "--virtual-time-budget=4000",
        "--allow-file-access-from-files", "--dump-dom", (hostile / "probe.html").as_uri(),
    )  # fmt: skip
    answer = json.loads(html.unescape(re.search(r'<pre id="answer">(.*?)</pre>', result.stdout).group(1)))
    assert answer["overflow"] == 0
    assert (answer["wide"], answer["flat"], answer["scripts"]) == (0, 0, 0)
    assert answer["images"] >= 2 * 8 + 2 + 2 * 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_seen_in_light_and_dark(reported, chromium, scheme):
    dark = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    browse(
        chromium, reported, *dark, "--window-size=1280,1600", f"--screenshot={reported / 'page.png'}",
        (reported / "out/report.html").as_uri(),
    )  # fmt: skip
    picture = imread("page.png")[:, :, :3]
    corner = picture[5, 5].mean()
    assert corner > 0.9 if scheme == "light" else corner < 0.2
    # text and pictures stand out from the page
    assert np.abs(picture.mean(axis=2) - corner).max() > 0.7
    assert picture.std() > 0.05
