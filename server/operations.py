"""precheck.v1.Operations: what an operator asks of a running server, answered to callers on this machine."""

import os
from collections.abc import Callable

import grpc
import msgspec
from precheck.v1 import operations_pb2, operations_pb2_grpc

from server import clock
from server.dictionary.holder import DictionaryHolder
from server.entrance.typed import filled
from server.grpc_service import Calls, require_local
from server.metrics import Metrics
from server.packs import Ask, PackHolder, default_paths
from server.packs.report import json_of
from server.packs.shadow import has_shadow, read_shadow, shadow_status
from server.packs.signing import SigningError, read_record
from server.version import VERSION


class Operations(operations_pb2_grpc.OperationsServicer):
    """precheck.v1.Operations, for callers on this machine."""

    def __init__(
        self,
        packs: PackHolder,
        dictionaries: DictionaryHolder,
        metrics: Metrics,
        calls: Calls,
        configured: Callable[[], tuple[str, ...]],
        number: int = 0,
    ) -> None:
        """`configured` reads the setting `pack` anew; `number` is that of this process among the server's workers."""
        self._packs = packs
        self._dictionaries = dictionaries
        self._metrics = metrics
        self._calls = calls
        self._configured = configured
        self._number = number
        self._started_at = clock.now()

    def GetStatus(  # noqa: N802 - the name of the RPC
        self, _request: operations_pb2.GetStatusRequest, context: grpc.ServicerContext
    ) -> operations_pb2.GetStatusResponse:
        """Say which packs are in force, which others there are, and what is wrong."""
        require_local(context)
        packs = self._packs
        status = packs.status()
        response = operations_pb2.GetStatusResponse(
            activated_at=packs.activated_at.isoformat() if packs.activated_at else "",
            last_error=packs.error(),
            in_flight=self._calls.in_flight,
            version=VERSION,
            dictionary=self._dictionary_status(),
            workers=[self.worker_status()],
        )
        in_force = packs.in_force()
        shadow = shadow_status(packs.directory, in_force.current, in_force.packs)
        status = msgspec.structs.replace(status, shadow=shadow)
        return filled(response, msgspec.to_builtins(status))

    def worker_status(self) -> operations_pb2.WorkerStatus:
        """Return what is told of this process beside the others."""
        return operations_pb2.WorkerStatus(
            number=self._number,
            pid=os.getpid(),
            revision=self._packs.current().revision,
            in_flight=self._calls.in_flight,
            started_at=self._started_at.isoformat(timespec="seconds"),
            last_error=self._packs.own_error(),
        )

    def _dictionary_status(self) -> operations_pb2.DictionaryStatus:
        current = self._dictionaries.current()
        dictionary = current.dictionary
        return operations_pb2.DictionaryStatus(
            directory=dictionary.directory,
            digest=dictionary.digest,
            loaded_at=current.loaded_at.isoformat() if current.loaded_at else "",
            tables=[operations_pb2.DictionaryTable(name=name, rows=rows) for name, rows in dictionary.rows.items()],
            last_error=self._dictionaries.last_error,
        )

    def ListUnmapped(  # noqa: N802 - the name of the RPC
        self, _request: operations_pb2.ListUnmappedRequest, context: grpc.ServicerContext
    ) -> operations_pb2.ListUnmappedResponse:
        """List the codes that the dictionary lacks."""
        require_local(context)
        current = self._dictionaries.current()
        codes, unlisted = current.unmapped.listed()
        departments = current.dictionary.departments or {}
        return operations_pb2.ListUnmappedResponse(
            codes=[
                operations_pb2.UnmappedCode(
                    kind=code.unmapped.kind,
                    code=code.unmapped.code,
                    name=code.name,
                    department=code.unmapped.department,
                    department_name=known.name if (known := departments.get(code.unmapped.department)) else "",
                    times=code.times,
                    last_met=code.last_met.isoformat(timespec="seconds"),
                )
                for code in codes
            ],
            unlisted_times=unlisted,
            since=current.loaded_at.isoformat(timespec="seconds") if current.loaded_at else "",
        )

    def PublishPacks(  # noqa: N802 - the name of the RPC
        self, request: operations_pb2.PublishPacksRequest, context: grpc.ServicerContext
    ) -> operations_pb2.PackChange:
        """Keep packs as published revisions."""
        return self._changed(context, Ask(verb="publish", packs=tuple(request.paths)))

    def ActivatePacks(  # noqa: N802 - the name of the RPC
        self, request: operations_pb2.ActivatePacksRequest, context: grpc.ServicerContext
    ) -> operations_pb2.PackChange:
        """Make packs live."""
        if not request.paths:
            ask = Ask(verb="follow_setting", packs=self._configured(), shipped=default_paths())
        else:
            ask = Ask(verb="activate", packs=tuple(request.paths), keep_others=request.keep_others)
        return self._changed(context, ask)

    def ShadowPacks(  # noqa: N802 - the name of the RPC
        self, request: operations_pb2.ShadowPacksRequest, context: grpc.ServicerContext
    ) -> operations_pb2.PackChange:
        """Judge recorded decisions with packs in shadow."""
        return self._changed(context, Ask(verb="shadow", packs=tuple(request.paths)))

    def GetShadowReport(  # noqa: N802 - the name of the RPC
        self, _request: operations_pb2.GetShadowReportRequest, context: grpc.ServicerContext
    ) -> operations_pb2.GetShadowReportResponse:
        """Return what the shadow has counted."""
        require_local(context)
        state = read_shadow(self._packs.directory)
        in_force = self._packs.in_force()
        if state is None or not has_shadow(in_force.current, in_force.packs):
            context.abort(grpc.StatusCode.NOT_FOUND, "nothing is judged in shadow, or nothing has been yet")
        return operations_pb2.GetShadowReportResponse(report=json_of(state.comparison))

    def CanaryPacks(  # noqa: N802 - the name of the RPC
        self, request: operations_pb2.CanaryPacksRequest, context: grpc.ServicerContext
    ) -> operations_pb2.PackChange:
        """Let packs judge for some."""
        ask = Ask(
            verb="canary",
            packs=tuple(request.paths),
            departments=tuple(request.departments),
            stations=tuple(request.stations),
        )
        return self._changed(context, ask)

    def RollBackPack(  # noqa: N802 - the name of the RPC
        self, request: operations_pb2.RollBackPackRequest, context: grpc.ServicerContext
    ) -> operations_pb2.PackChange:
        """Make a lower revision live again."""
        try:
            record = read_record(request.record) if request.record else None
        except SigningError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"record: {error}")
        return self._changed(
            context, Ask(verb="roll_back", packs=(request.pack,), reason=request.reason, record=record)
        )

    def WithdrawPack(  # noqa: N802 - the name of the RPC
        self, request: operations_pb2.WithdrawPackRequest, context: grpc.ServicerContext
    ) -> operations_pb2.PackChange:
        """Bar a published revision from being live."""
        return self._changed(context, Ask(verb="withdraw", packs=(request.pack,), reason=request.reason))

    def _changed(self, context: grpc.ServicerContext, ask: Ask) -> operations_pb2.PackChange:
        require_local(context)
        with self._calls.admit(context):
            change = self._packs.change(ask)
            return operations_pb2.PackChange(
                revision=",".join(change.live),
                previous_revision=",".join(change.before),
                done=change.done,
                number=change.number,
            )

    def GetMetrics(  # noqa: N802 - the name of the RPC
        self, _request: operations_pb2.GetMetricsRequest, context: grpc.ServicerContext
    ) -> operations_pb2.GetMetricsResponse:
        """Return the metrics."""
        require_local(context)
        return operations_pb2.GetMetricsResponse(exposition=self._metrics.exposition())
