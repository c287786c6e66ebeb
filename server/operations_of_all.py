"""precheck.v1.Operations of a server with several workers: the one that is asked asks the others.

A call arrives at one worker by chance. What each knows for itself alone (calls in flight, unmapped codes, metrics) is
put together; changes of the packs are made on files, so any worker makes them for all.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from precheck.v1 import operations_pb2, operations_pb2_grpc

from server import limits
from server.dictionary.unmapped import UNMAPPED_CODES_MAX
from server.exposition import merged
from server.grpc_service import require_local
from server.operations import Operations

ASK_MAX_S = 2.0
"""How long another worker may take; it is then told of as one that does not answer."""


class OperationsOfAll:
    """What this process answers for all workers; not a servicer by descent, whose methods would hide its own process's.

    `watches` are the sockets on which the others answer for themselves.
    """

    def __init__(self, own: Operations, watches: Sequence[str]) -> None:
        self._own = own
        options = [("grpc.max_receive_message_length", limits.MESSAGE_MAX_BYTES)]
        self._channels = [grpc.insecure_channel(watch, options=options) for watch in watches]
        self._others = [operations_pb2_grpc.OperationsStub(channel) for channel in self._channels]
        self._pool = ThreadPoolExecutor(max(1, len(self._others)), thread_name_prefix="other-workers")

    def __getattr__(self, name: str) -> Any:
        """Every other call is this process's own: what it changes is on disk, where all look."""
        return getattr(self._own, name)

    def _asked(self, call: str, request: Any) -> Iterator[tuple[int, Any]]:
        """Yield the other workers' answers, each with its place among them; None of one that does not answer."""

        def ask(stub: Any) -> Any:
            try:
                return getattr(stub, call)(request, timeout=ASK_MAX_S)
            except grpc.RpcError as error:
                return error

        yield from enumerate(self._pool.map(ask, self._others))

    def GetStatus(  # noqa: N802 - the name of the RPC
        self, request: operations_pb2.GetStatusRequest, context: grpc.ServicerContext
    ) -> operations_pb2.GetStatusResponse:
        """Say what this process serves, and how the others are."""
        response = self._own.GetStatus(request, context)
        own_number = response.workers[0].number
        for place, answer in self._asked("GetStatus", request):
            if isinstance(answer, grpc.RpcError):
                number = place + (place >= own_number)
                response.workers.add(number=number, last_error=f"does not answer: {answer.code().name}")
            else:
                response.workers.extend(answer.workers)
                response.in_flight += answer.in_flight
                if response.HasField("canary") and answer.HasField("canary"):
                    response.canary.checks += answer.canary.checks
        response.workers.sort(key=lambda worker: worker.number)
        return response

    def ListUnmapped(  # noqa: N802 - the name of the RPC
        self, request: operations_pb2.ListUnmappedRequest, context: grpc.ServicerContext
    ) -> operations_pb2.ListUnmappedResponse:
        """List the codes that any worker met and the dictionary lacks."""
        response = self._own.ListUnmapped(request, context)
        answers = [
            answer for _, answer in self._asked("ListUnmapped", request) if not isinstance(answer, grpc.RpcError)
        ]
        if not answers:
            return response
        codes = _together(code for answer in (response, *answers) for code in answer.codes)
        unlisted = sum(answer.unlisted_times for answer in (response, *answers))
        unlisted += sum(code.times for code in codes[UNMAPPED_CODES_MAX:])
        since = min(filter(None, (answer.since for answer in (response, *answers))), default="")
        return operations_pb2.ListUnmappedResponse(
            codes=codes[:UNMAPPED_CODES_MAX], unlisted_times=unlisted, since=since
        )

    def GetMetrics(  # noqa: N802 - the name of the RPC
        self, request: operations_pb2.GetMetricsRequest, context: grpc.ServicerContext
    ) -> operations_pb2.GetMetricsResponse:
        """Return the metrics of all workers, each sample with the label `worker`."""
        require_local(context)
        own = self._own.GetMetrics(request, context)
        if not self._others:
            return own
        number = self._own.worker_status().number
        expositions = {number: own.exposition}
        for place, answer in self._asked("GetMetrics", request):
            if not isinstance(answer, grpc.RpcError):
                expositions[place + (place >= number)] = answer.exposition
        return operations_pb2.GetMetricsResponse(exposition=merged(expositions))

    def close(self) -> None:
        """Let go of the other workers."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for channel in self._channels:
            channel.close()


def _together(codes: Iterable[operations_pb2.UnmappedCode]) -> list[operations_pb2.UnmappedCode]:
    """Return codes with what several workers say of one added up, by department and kind, the most frequent first."""
    known: dict[tuple[str, str, str], operations_pb2.UnmappedCode] = {}
    for code in codes:
        first = known.setdefault((code.department, code.kind, code.code), code)
        if first is not code:
            first.times += code.times
            first.last_met = max(first.last_met, code.last_met)
            first.name = first.name or code.name
    return sorted(known.values(), key=lambda code: (code.department, code.kind, -code.times, code.code))
