"""A report of a simulation with chosen figures."""

from device_runtime.simulation.report import (
    BundleInfo,
    ClientRow,
    CorpusInfo,
    Gain,
    GateVerdict,
    Metrics,
    ModelSummary,
    Percentiles,
    PooledMetrics,
    Report,
    Sizes,
)
from keyboard_model.metrics import Estimate, fraction_helped, fraction_hurt, gains
from keyboard_model.user_statistics import fraction, relative_gain, spread

METRICS = ("recall_at_1", "recall_at_3", "keystroke_savings", "keystroke_savings_with_taps")


def summary(values):
    one = spread(values)
    pooled = Estimate(0.25, 0.2, 0.3) if values else None
    return ModelSummary(**dict.fromkeys(METRICS, one), pooled=PooledMetrics(**dict.fromkeys(METRICS, pooled)))


def row(name, shared, personal, in_aggregates=True):
    def metrics(value):
        return None if value is None else Metrics(**dict.fromkeys(METRICS, value))

    return ClientRow(
        user_id=name,
        messages=50,
        words_tested=100 if shared is not None else 0,
        shared=metrics(shared),
        personal=metrics(personal),
        prequential=None,
        gained=6,
        lost=2,
        hurt_probability=0.05 if in_aggregates else None,
        helped_probability=0.7 if in_aggregates else None,
        verdict=GateVerdict(kept=True, reason="better on 80 words"),
        adapter_bytes=19000,
        adaptation_seconds=0.2,
        in_aggregates=in_aggregates,
    )


def make_report(shared=(0.2, 0.3, 0.4), personal=(0.3, 0.3, 0.35), synthetic=False, extra=(), failed=()):
    rows = [row(f"user-{i}", s, p) for i, (s, p) in enumerate(zip(shared, personal, strict=True))]
    recalls = list(personal), list(shared)
    relative = relative_gain(*recalls)
    return Report(
        bundle=BundleInfo(name="tiny", model_id="ab" * 32, synthetic=synthetic),
        corpus=CorpusInfo(id="c", description="a small corpus", synthetic=synthetic),
        min_messages=20,
        train_share=0.8,
        users=len(rows) + len(extra) + len(failed),
        clients_in_aggregates=len(rows),
        shared=summary(shared),
        personal=summary(personal),
        gain=Gain(recall_at_3=spread(gains(*recalls)), pooled=None, relative_mean=relative, relative_median=relative),
        prequential=None,
        fraction_hurt=fraction_hurt(*recalls),
        fraction_helped=fraction_helped(*recalls),
        likely_hurt=fraction(0, len(rows)),
        likely_helped=fraction(min(1, len(rows)), len(rows)),
        adapter_bytes=Sizes(p50=19000, max=19000),
        adaptation_seconds=Percentiles(p50=0.2, p90=0.2, p99=0.2, max=0.2),
        prediction_ms=Percentiles(p50=0.5, p90=0.7, p99=1.2, max=3.0),
        failed=failed,
        clients=(*rows, *extra),
    )
