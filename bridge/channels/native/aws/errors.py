"""Classifies errors of AWS. Their texts can contain key ids, tokens and signed URLs, which are masked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from bridge.channels import transport_errors
from bridge.channels.contract import Outcome, Verdict
from bridge.common.masking import MASK, redacted
from bridge.common.text import one_line

_MAX_REASON = 300
TOO_MANY = 429
"""The status of a throttled request, whichever one AWS sent: the channel works, and is used too often."""

_THROTTLED = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "Throttled", "RequestThrottled",
    "RequestThrottledException", "TooManyRequestsException", "ProvisionedThroughputExceededException",
    "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "SlowDown", "KMSThrottlingException",
    "KMSThrottling", "KmsThrottled", "AWS.SimpleQueueService.RequestThrottled", "OverLimit",
})  # fmt: skip
_TEMPORARY = frozenset({
    "RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete", "InternalError", "InternalFailure",
    "InternalServiceError", "ServiceUnavailable", "ServiceUnavailableException", "OperationAborted",
    "TransactionInProgressException", "EC2ThrottledException", "ResourceConflictException",
    "ResourceNotReadyException", "OperationAbortedException",
})  # fmt: skip
_CHANNEL = frozenset({
    # credentials and permissions
    "AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "AuthFailure",
    "AllAccessDisabled", "AccountProblem", "NotSignedUp", "OptInRequired", "InvalidAccessKeyId",
    "InvalidClientTokenId", "InvalidSecurity", "InvalidToken", "ExpiredToken", "ExpiredTokenException",
    "TokenRefreshRequired", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException",
    "IncompleteSignature", "MissingAuthenticationToken", "RequestTimeTooSkewed", "RequestExpired",
    "InvalidIdentityToken", "IDPRejectedClaim", "NotAuthorized", "MissingSecurityHeader",
    # the place: it does not exist, or is in another region
    "NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "AuthorizationHeaderMalformed", "BucketRegionError",
    "IllegalLocationConstraintException", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", "InvalidAddress", "NotFound",
    "NotFoundException", "ResourceNotFoundException", "UnsupportedOperation", "EndpointDisabled",
    "EndpointDisabledException", "InvalidSecurityException",
    # its keys
    "KMS.DisabledException", "KMS.InvalidStateException", "KMS.NotFoundException", "KMS.AccessDeniedException",
    "KMSDisabled", "KMSInvalidState", "KMSNotFound", "KMSOptInRequired", "KMSAccessDenied", "KmsDisabled",
    "KmsInvalidState", "KmsNotFound", "KmsOptInRequired", "KmsAccessDenied", "KmsInvalidKeyUsage",
    "KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException", "KMSAccessDeniedException",
})  # fmt: skip
_MESSAGE = frozenset({
    "InvalidMessageContents", "BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", "EntityTooLarge",
    "MaxMessageLengthExceeded", "RequestTooLargeException", "RequestEntityTooLargeException",
    "InvalidRequestContentException",
})  # fmt: skip
_SIGNATURE = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"})
"""Their texts repeat the request with its headers, among them the session token."""
_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,124}\b")
_SIGNED = re.compile(
    r"((?:X-Amz-[A-Za-z-]*(?:Signature|Token|Credential)|Signature|Credential)=)[^&,\s'\"]+", re.IGNORECASE
)
_LONG_TOKEN = re.compile(r"[A-Za-z0-9+/=_-]{100,}")


NOT_AWS = Outcome(Verdict.RETRY, 200, "the response is not from the service itself")
"""The outcome of a success that lacks what the service always sends: of a proxy or a login page."""


def outcome_of(error: Exception, secrets: Collection[str] = ()) -> Outcome:
    """The outcome of a request that ended with an exception of botocore."""
    from botocore import exceptions as known
    from botocore.parsers import ResponseParserError

    if isinstance(error, known.ClientError):
        return _answered(error.response, secrets)
    if isinstance(error, ResponseParserError | LookupError):
        return NOT_AWS
    if isinstance(error, known.NoCredentialsError | known.PartialCredentialsError):
        return Outcome(
            Verdict.CHANNEL_FAULT,
            reason="no AWS credentials found: write KEY_ID:SECRET_KEY@ into the URL, set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or give the pod or machine a role",
        )
    if isinstance(error, known.CredentialRetrievalError | known.MetadataRetrievalError):
        return Outcome(Verdict.RETRY, reason=f"the AWS credentials cannot be loaded ({type(error).__name__})")
    if isinstance(error, known.ConnectionError | known.HTTPClientError | OSError):
        return Outcome(Verdict.RETRY, reason=transport_errors.describe(error))
    if isinstance(error, known.BotoCoreError):
        return Outcome(Verdict.CHANNEL_FAULT, reason=f"AWS: {cleaned(str(error), secrets)}")
    raise error


def entry_outcome(code: str, message: str = "", secrets: Collection[str] = ()) -> Outcome:
    """The outcome of one refused entry of a batch whose other entries may be accepted."""
    outcome = classified(code, message, 400, secrets)
    if outcome.verdict is not Verdict.AMBIGUOUS:
        return outcome
    return Outcome(Verdict.REJECTED, outcome.status, outcome.reason)


def classified(code: str, message: str, status: int, secrets: Collection[str] = ()) -> Outcome:
    """The outcome for an error code. ``status`` decides for codes that are not known."""
    text = "the secret key or the clock is wrong" if code in _SIGNATURE else cleaned(message, secrets)
    reason = f"AWS: {cleaned(code, secrets)}" + (f": {text}" if text else "")
    if code in _THROTTLED or status == TOO_MANY:
        return Outcome(Verdict.RETRY, TOO_MANY, reason)
    if code in _CHANNEL:
        return Outcome(Verdict.CHANNEL_FAULT, status, reason)
    if code in _MESSAGE or status == 413:
        return Outcome(Verdict.REJECTED, status, reason)
    if code in _TEMPORARY or status >= 500 or status == 408:
        return Outcome(Verdict.RETRY, status, reason)
    return Outcome(Verdict.CHANNEL_FAULT if status in {301, 307, 401, 404} else Verdict.AMBIGUOUS, status, reason)


def cleaned(text: str, secrets: Collection[str] = ()) -> str:
    """The text on one line, without what may be a secret."""
    text = redacted(text[:20_000], secrets)
    for pattern, replacement in ((_KEY_ID, MASK), (_SIGNED, rf"\1{MASK}"), (_LONG_TOKEN, MASK)):
        text = pattern.sub(replacement, text)
    return one_line(text, _MAX_REASON)


def _answered(response: Mapping[str, Any], secrets: Collection[str]) -> Outcome:
    error = response.get("Error", {})
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    code = str(error.get("Code") or status)
    return classified(code, str(error.get("Message") or ""), status, secrets)
