/* A guest's word about its config drive, as it stands in xenstore. Guests write it: it is bounded, escaped,
 * and believed for nothing but how the delivery went.
 *
 *   /local/domain/N/data/xensteer/config   done, or error:TEXT; libxl lets a guest write below data
 *   /local/domain/N/iso_attach             older images: dom0 writes 1, the guest 2; only this guest may
 * write it /tool/xensteer/OWNER/UUID/asked        "N SECONDS": since when domain N has time for it; dom0's
 * own */
#pragma once
#include "host/xen/store.h"

struct answer {
	enum config_answer answer; /* never timeout: that is the caller's to say */
	const char *words;         /* one line; NULL where there is none */
};
struct answer answer_read(struct store *, struct arena *, int64_t domid, bool scene);
/* Seconds since the epoch; -1: this domain has not been asked, or it is not known. */
int64_t answer_asked(struct store *, const char *owner, const char *uuid, int64_t domid);
/* false with errno. */
bool answer_ask(struct store *, const char *owner, const char *uuid, int64_t domid, int64_t now)
	__attribute__((warn_unused_result));
/* The node that an older image waits for; one that is there is left as it is. */
bool answer_invite(struct store *, int64_t domid) __attribute__((warn_unused_result));
