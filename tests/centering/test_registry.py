"""The estimators by name: those of this package, and one that another distribution offers."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import processes
import pytest
from click.testing import CliRunner
from datafiles import RADIUS, dataset
from installed import EXTENSIONS, install

from centering import CenterOfMass, FittedReference, RadialReference, SurrogateCenter
from centering.cli import main
from centering.engine.contrast import Contrast
from centering.engine.estimate import estimate
from centering.estimators.registry import BUILT_IN, estimator_names, find, made, make_estimator
from centering.estimators.spec import EstimatorSpec, Option
from centering.io.cryosparc import CsFile
from centering.io.opening import open_particles
from centering.report.learned import learned
from centering.report.particles import _landscape
from centering.runs.prepare import _refuse_unwritable, prepare
from centering.runs.run import run
from centering.sentence import Sentence

ROOT = Path(__file__).parents[2]
PROGRAM = str(Path(sys.executable).with_name("centering"))
COUNT = 40


def offer(folder, distribution, name, target):
    """Write what an installed distribution leaves of itself."""
    about = folder / f"{distribution}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[centering.estimators]\n{name} = {target}\n")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder in which ``tests/extensions/estimator`` is installed."""
    folder = tmp_path_factory.mktemp("estimator") / "site"
    install("estimator", folder)
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in an empty project folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(site, project, monkeypatch):
    """Run ``centering`` as a user does who has installed the extension."""
    monkeypatch.setenv("PYTHONPATH", str(site))

    def call(*arguments, code=0):
        done = processes.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done

    return call


def told(*arguments, code=2):
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == code, result.stderr
    return result.stderr


# from outside


def test_the_page_shows_the_extension():
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    for name in ("averaged_template.py", "pyproject.toml"):
        assert (EXTENSIONS / "estimator" / name).read_text(encoding="utf-8").strip() in page


def test_an_estimator_from_outside_is_run_resumed_and_reported(command, project):
    star, simulation = dataset(project, COUNT, snr=0.5)
    run = ("run", star, "--estimator", "template", "--radius", RADIUS, "--out", "out", "-j", 1, "--batch-size", 7)
    done = command(*run, "--set", "sweeps=2")
    assert "note: a template averaged from 40 images in 2 sweeps" in done.stderr
    assert "note: the estimator template is that of averaged-template 1.0" in done.stderr
    assert "note: not corrected for contrast transfer: the averaged template does not take" in done.stderr
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["estimator"].startswith("FittedTemplate(Template(radius=9, sweeps=2")
    assert summary["learned"][0]["images"] == COUNT
    assert summary["warnings"] == []
    page = Path("out/report.html").read_text()
    assert "The average of the images that it was learned from." in page
    assert "A template averaged from 40 images in 2 sweeps." in page
    assert re.search(r"centering run \S*particles.star --out out .*--estimator template --set sweeps=2", page)
    assert Path("out/reference.png").exists()
    rows = np.loadtxt("out/centers.csv", delimiter=",", skiprows=1, usecols=(1, 2))
    apart = rows - simulation.displacement
    spread = np.median(np.hypot(*(apart - np.median(apart, axis=0)).T))
    assert spread < 1.5 < np.median(np.hypot(*simulation.displacement.T))
    assert "nothing left to do" in command(*run, "--set", "sweeps=2", "--resume").stdout
    assert "exists" in command(*run, "--set", "sweeps=1", code=2).stderr


def test_an_estimator_from_outside_is_compared_and_centres_classes(command, project):
    star, _ = dataset(project, COUNT, snr=0.5)
    table = command("compare", star, "--radius", RADIUS, "-e", "template", "-e", "mass").stdout
    assert re.search(r"^1 template +- ", table, re.MULTILINE)
    members = "data_\n\nloop_\n_rlnImageName\n_rlnClassNumber\n_rlnAnglePsi\n1@s.mrcs 1 0\n2@s.mrcs 40 0\n"
    Path("members.star").write_text(members)
    done = command(
        "classes", "stack.mrcs", "members.star", "--estimator", "template", "--set", "sweeps=1", "--out", "classes"
    )
    assert "40 class averages" in done.stdout
    assert (
        "a watch sees one stack at a time"
        in command("watch", ".", "--out", "live", "--estimator", "template", code=2).stderr
    )


def test_doubts_of_an_estimator_from_outside_are_warnings(command, project):
    star, _ = dataset(project, 6)
    done = command("run", star, "--estimator", "template", "--out", "out", "--no-report")
    assert "warning: a template of fewer than 20 images is noise" in done.stderr


CASES = {
    "no value": (("--set", "sweeps"), "--set 'sweeps' has no value; give NAME=VALUE"),
    "no such option": (("--set", "prior=2"), "estimator template has no option 'prior'; it has sweeps, learn_from"),
    "no number": (("--set", "sweeps=many"), "sweeps is 'many'; it is a number of sweeps over the images"),
    "given twice": (("--set", "sweeps=1", "--set", "sweeps=2"), "sweeps is given twice"),
    "an option and a setting": (("--learn-from", "5", "--set", "learn-from=5"), "learn_from is given twice"),
    "a search of nothing and a setting": (("--max-shift", "0", "--set", "max-shift=5"), "no option 'max_shift'"),
    "an option of another": (("--prior", "flat"), "--prior is an option of the estimator radial-reference; template"),
    "no radius of the images": (("--radius", "auto"), "--radius auto is for the estimator radial-reference, which"),
    "no transfer functions": (("--phase-flip",), "--phase-flip is an option of the estimator radial-reference"),
}


@pytest.mark.parametrize("case", CASES)
def test_settings_that_cannot_be(site, project, monkeypatch, case):
    monkeypatch.syspath_prepend(str(site))
    star, _ = dataset(project, 6)
    arguments, words = CASES[case]
    said = told("run", star, "--estimator", "template", "--out", "out", *arguments)
    assert words in said
    assert len(said.splitlines()) == 1
    assert not Path("out").exists()


def test_a_setting_does_not_override_an_option_of_value_zero(project):
    star, _ = dataset(project, 6)
    said = told("run", star, "--radius", RADIUS, "--out", "out", "--max-shift", "0", "--set", "max_shift=5")
    assert "max_shift is given twice" in said


def test_names_load_nothing(site, tmp_path):
    offer(tmp_path, "broken", "broken", "no_such_module:ESTIMATOR")
    code = (
        "import sys\n"
        "from centering.estimators.registry import estimator_names\n"
        "print(*estimator_names())\n"
        "print([name for name in ('numpy', 'numba', 'averaged_template') if name in sys.modules])\n"
    )
    done = processes.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"{site}:{tmp_path}", "PATH": ""},
    )
    names, loaded = done.stdout.splitlines()
    assert names.split() == [*BUILT_IN, "broken", "template"]
    assert loaded == "[]"


def test_a_broken_one_is_named_and_the_others_go_on(project, tmp_path, monkeypatch):
    offer(tmp_path / "site", "broken", "broken", "no_such_module:ESTIMATOR")
    offer(tmp_path / "site", "odd", "odd", "json:dumps")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(ValueError, match=r"'broken' of broken 1\.0 cannot be loaded: ModuleNotFoundError: No module"):
        find("broken")
    with pytest.raises(ValueError, match=r"'odd' of odd 1\.0 is a function; its entry point must name an Est"):
        find("odd")
    star, _ = dataset(project, 6)
    assert "'broken' of broken 1.0 cannot be loaded" in told("run", star, "--estimator", "broken", "--out", "out")
    said = told("compare", star, "--radius", RADIUS, code=0)
    assert "warning: the estimator 'broken' of broken 1.0 cannot be loaded" in said
    assert "warning: the estimator 'odd' of odd 1.0 is" in said


def test_a_distribution_that_cannot_be_read_does_not_stop_the_others(site, tmp_path, monkeypatch):
    offer(tmp_path, "malformed", "malformed\nno equals sign", "json:dumps")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert estimator_names() == (*BUILT_IN, "template")
    assert CliRunner().invoke(main, ["run", "--help"]).exit_code == 0


def test_the_same_distribution_twice_along_the_path_is_one(site, tmp_path, monkeypatch):
    install("estimator", tmp_path / "again")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.syspath_prepend(str(tmp_path / "again"))
    assert find("template").source == "averaged-template 1.0"


FAULTY = """
from dataclasses import replace
from averaged_template import ESTIMATOR as BASE, FittedTemplate, Template
class Odd(Template):
    def fit(self, *given, **options):
        learned = super().fit(*given, **options)
        return Described(learned.average, learned.images, self)
class Described(FittedTemplate):
    def describe(self):
        return {"average": self.average}
ESTIMATOR = replace(BASE, make=Odd)
NEEDY = replace(BASE, make=lambda radius, *, colour: None)
"""


def test_what_fails_from_outside_does_not_take_a_comparison_down(site, project, tmp_path, monkeypatch):
    offer(tmp_path / "site", "faulty", "faulty", "faulty_estimators:ESTIMATOR\nneedy = faulty_estimators:NEEDY")
    (tmp_path / "site" / "faulty_estimators.py").write_text(FAULTY)
    for folder in (site, tmp_path / "site"):
        monkeypatch.syspath_prepend(str(folder))
    star, _ = dataset(project, 24)
    words = "what the averaged template describes as learned cannot be written as JSON: Object of type ndarray"
    assert words in told("run", star, "--estimator", "faulty", "--out", "out")
    assert not Path("out").exists()
    result = CliRunner().invoke(main, ["compare", str(star), "--radius", str(RADIUS)])
    assert result.exit_code == 0
    assert f"warning: without faulty: {words}" in result.stderr
    assert "warning: without needy: " in result.stderr
    assert "missing 1 required keyword-only argument: 'colour'" in result.stderr
    assert [line.split()[1] for line in result.stdout.splitlines()[3:]] == [*BUILT_IN, "template"]


@pytest.mark.parametrize(("name", "whom"), [("twin", "one 1.0 and by two 1.0"), ("mass", "pswf-centering itself and")])
def test_two_of_one_name_are_refused(name, whom, tmp_path, monkeypatch):
    for distribution in ("one", "two"):
        offer(tmp_path, distribution, name, "json:dumps")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert estimator_names().count(name) == 1
    with pytest.raises(ValueError, match=f"'{name}' is offered by {whom}.*; uninstall all but one"):
        find(name)
    assert find("phase").name == "phase"


RAISING = """
from centering import CenterOfMass
from centering.estimators.spec import EstimatorSpec

class Faulty(CenterOfMass):
    def __call__(self, images):
        raise {raised}

ESTIMATOR = EstimatorSpec(name="faulty", title="faulty", make=lambda radius: Faulty())
"""


@pytest.mark.parametrize("raised", ["KeyError('colour')", "ValueError('too\\nblue')", "RuntimeError()"])
def test_what_fails_from_outside_in_a_run_is_one_sentence(project, tmp_path, monkeypatch, raised):
    star, _ = dataset(project, 6)
    module = f"faulty_{raised.partition('(')[0].lower()}"
    (tmp_path / f"{module}.py").write_text(RAISING.replace("{raised}", raised))
    offer(tmp_path, "faulty", "faulty", f"{module}:ESTIMATOR")
    monkeypatch.syspath_prepend(str(tmp_path))
    said = told("run", star, "--estimator", "faulty", "--out", "out")
    assert f"Faulty of the package '{module}' failed: {raised.partition('(')[0]}" in said
    assert [line.partition(":")[0] for line in said.splitlines()] == ["note", "Error"]
    assert not Path("out").exists()


class Unwritable(CsFile):
    def write(self, path):
        raise KeyError("colour")


def test_a_table_from_outside_that_cannot_be_written_is_one_sentence(project):
    dataset(project, 6)
    CliRunner().invoke(main, ["convert", "particles.star", "particles.cs"])
    particles = open_particles("particles.cs")
    job = prepare(replace(particles, table=Unwritable(particles.table.path, particles.table.table)), estimator="mass")
    with pytest.raises(ValueError, match=r"^Unwritable of the package '.*test_registry' failed: KeyError: 'colour'$"):
        run(job, "out", figures=False)


# from inside


def test_the_commands_offer_what_the_registry_has():
    for name in ("run", "compare", "classes", "watch"):
        words = CliRunner().invoke(main, [name, "--help"]).output
        (listed,) = re.findall(
            r"--estimator \[([^\]]*)\]", re.sub(r"\s+", "", words).replace("--estimator[", "--estimator [")
        )
        assert listed.split("|") == list(estimator_names())
    assert {"surrogate", "radial-reference", "mass", "median", "phase", "self-convolution"} < set(estimator_names())


def test_an_unknown_name_and_an_unknown_option():
    with pytest.raises(ValueError, match="no estimator 'guess'; choose one of surrogate, racer"):
        make_estimator("guess", 9)
    with pytest.raises(ValueError, match="no estimator has an option 'colour'; surrogate has score, max_shift"):
        make_estimator("surrogate", 9, colour="red")
    assert make_estimator("surrogate", 9, colour=None, phase_flip=False) == SurrogateCenter(9)


@pytest.mark.parametrize("name", ["racer", "alignment", "median"])
def test_what_only_some_commands_could_do(project, name):
    star, simulation = dataset(project, 30, snr=1.0)
    told("run", star, "--estimator", name, "--radius", RADIUS, "--out", "out", "--batch-size", 4, code=0)
    table = np.loadtxt("out/centers.csv", delimiter=",", skiprows=1, usecols=(1, 2))
    images = open_particles(star).read(np.arange(30))
    expected = make_estimator(name, RADIUS)(images)
    np.testing.assert_allclose(table, expected.displacement, atol=1e-4)
    assert np.median(np.hypot(*(table - simulation.displacement).T)) < 3.0
    # a landscape is drawn where there is one
    assert ("landscape</span>" in Path("out/report.html").read_text()) == find(name).landscape


def test_what_needs_all_images_at_once_says_so(project):
    star, _ = dataset(project, 6)
    said = told("run", star, "--estimator", "alignment", "--radius", RADIUS, "--out", "out", "--no-report", code=0)
    assert "note: the reference-free alignment needs 6 images at once, about 0.00011 GB" in said


def test_more_images_than_memory_are_refused(project, monkeypatch):
    star, _ = dataset(project, 6)
    pages = {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": 1000}
    monkeypatch.setattr("os.sysconf", pages.__getitem__)
    with pytest.raises(ValueError, match=r"6 images at once, as the reference-free alignment needs them, would take"):
        prepare(open_particles(star), radius=RADIUS, estimator="alignment")


class Wrong(CenterOfMass):
    def __call__(self, images):
        centers = super().__call__(images)
        return replace(centers, displacement=self.change(centers.displacement), covariance=self.covariance)

    covariance = None

    def change(self, displacement):
        return displacement


class OnlyOne(Wrong):
    def change(self, displacement):
        return displacement[:1]


class NotFinite(Wrong):
    def change(self, displacement):
        return displacement * np.nan


class FlatCovariance(Wrong):
    covariance = np.zeros((2, 2))


class NoCenters(Wrong):
    def __call__(self, images):
        return super().__call__(images).displacement


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (OnlyOne, r"\(1, 2\)"),
        (NotFinite, "not finite"),
        (FlatCovariance, r"\(2, 2\)\], not"),
        (NoCenters, r"returned a ndarray; it must return centering\.Centers"),
    ],
)
def test_what_anyone_returns_is_looked_at(project, kind, words):
    star, _ = dataset(project, 6)
    job = prepare(open_particles(star), estimator="mass")
    with pytest.raises(ValueError, match=words):
        estimate(replace(job, estimators=[kind()]))


def test_an_option_does_not_have_the_name_of_another_thing():
    with pytest.raises(ValueError, match="'ctf' is that of every run"):
        EstimatorSpec(name="x", title="x", make=CenterOfMass, options=(Option(name="ctf", help="a name"),))


def test_a_learner_that_lacks_something_is_refused(project, monkeypatch):
    spec = replace(find("mass"), learns=True, source="somewhere 1.0", name="lacking")
    with pytest.raises(ValueError, match=r"'lacking' of somewhere 1\.0 has no fit; see centering\.estimators\.base"):
        made(spec, None, {})


def test_the_options_of_a_reference_are_the_reference_as_before(rng):
    images = rng.normal(size=(12, 32, 32))
    reference = RadialReference(8, iterations=1, prior="flat")
    fitted = reference.fit(images)
    assert isinstance(fitted, FittedReference)
    assert fitted.options == reference
    assert "options=RadialReference(radius=8, iterations=1, prior='flat')" in repr(fitted)


def test_the_library_names_arguments_and_the_command_line_options(project):
    star, _ = dataset(project, 6)
    particles = open_particles(star)
    with pytest.raises(ValueError, match=r"^diameter and radius say the same thing twice") as error:
        prepare(particles, diameter=20.0, radius=9)
    assert isinstance(error.value.args[0], Sentence)
    assert "--diameter and --radius say the same" in told(
        "run", star, "--out", "out", "--diameter", "20", "--radius", "9"
    )
    with pytest.raises(ValueError, match=r"^max_shift is an option of the estimators surrogate, racer"):
        prepare(particles, estimator="mass", max_shift=3.0)


def test_no_message_of_the_library_speaks_of_the_command_line():
    folders = [
        ROOT / "centering" / name for name in ("runs", "estimators", "watching", "engine", "radial", "alignment")
    ]
    found = [
        (path.name, line)
        for folder in folders
        for path in folder.glob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"[\s\"'({]--[a-z]", line)
    ]
    assert not found


def test_an_estimator_that_fails_to_be_made_is_one_sentence():
    def make(radius=None):
        raise KeyError("{0} %s")

    spec = EstimatorSpec(name="broken", title="broken", make=make, source="bad 1.0")
    with pytest.raises(ValueError, match=r"^the estimator 'broken' of bad 1\.0 cannot be made: KeyError: '\{0\} %s'$"):
        made(spec, None, {})


class Rude:
    """A reference of another package, none of whose words and pictures can be had."""

    def fail(self, *arguments, **options):
        raise KeyError("beta")

    describe = sentences = drawings = surface = fail


def described(reference, folder):
    _refuse_unwritable(reference, find("mass"))


def reported(reference, folder):
    learned(folder, SimpleNamespace(references=[reference]), CenterOfMass()(np.eye(8)))


def worded(reference, folder):
    reference.drawings = lambda others: []
    reported(reference, folder)


def shown(reference, folder):
    job = SimpleNamespace(estimators=[reference], members=[0], contrast=Contrast(False))
    job.particles = SimpleNamespace(ctf=None)
    _landscape(job, np.zeros((8, 8), np.float32), 0, np.zeros(2))


@pytest.mark.parametrize("ask", [described, reported, worded, shown])
def test_what_an_estimator_from_outside_raises_for_the_report_is_one_sentence(ask, tmp_path):
    with pytest.raises(ValueError, match=r"Rude of the package '\w+' failed: KeyError: 'beta'"):
        ask(Rude(), tmp_path)
