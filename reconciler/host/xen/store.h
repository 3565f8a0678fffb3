/* xenstore, through libxenstore: what xl does not say, and our marks. Only nodes that dom0 alone writes are
 * read; lists are asked for only where they stay short. A connection that broke is opened again by the next
 * call. A xenstored that does not answer within 10 s is left alone for 20 s: all calls then fail at once. */
#pragma once
#include "base/arena.h"
#include "base/text.h"
#include "model/schema.h"
#include <stdbool.h>
#include <stdint.h>

struct store;
struct store *store_new(void); /* connects when it is first needed */
void store_free(struct store *);
/* Does it answer now? If not, all that is read is missing for another reason than absence. */
bool store_reachable(struct store *);

/* The value of a node, at most `limit` bytes of it; NULL if there is none (errno ENOENT) or xenstore failed.
 */
char *store_read(struct store *, struct arena *, size_t limit, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same as a number; -1 where there is none or it is none. */
int64_t store_number(struct store *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The number that a text of decimal digits is; -1 where it is none. */
int64_t store_decimal(const char *text);
/* Names below a node. None, with errno: 0 if there are none, ENOENT if it is not there, else they are not
 * known. */
struct list store_names(struct store *, struct arena *, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool store_write(struct store *, const char *path, const char *value) __attribute__((warn_unused_result));

/* Marks: /tool/xensteer/OWNER/UUID, for dom0 only. A dot of the owner's name is written as _, which xenstore
 * allows and no owner holds. Absent is success for store_unmark. false with errno. */
char *store_mark(struct store *, struct arena *, const char *owner, const char *uuid);
bool store_set_mark(struct store *, const char *owner, const char *uuid, const char *text)
	__attribute__((warn_unused_result));
bool store_unmark(struct store *, const char *owner, const char *uuid) __attribute__((warn_unused_result));

/* A note beside a mark, for dom0 only; it goes with the mark. */
char *store_note(struct store *, struct arena *, const char *owner, const char *uuid, const char *key);
bool store_set_note(struct store *, const char *owner, const char *uuid, const char *key, const char *text)
	__attribute__((warn_unused_result));
/* Writes a node that dom0 owns and this domain alone may read and write, both at once. false with errno. */
bool store_offer(struct store *, const char *path, const char *value, int64_t domid)
	__attribute__((warn_unused_result));

/* A device as /libxl/DOMID/device names it, with the state of its backend. */
enum backend { /* xenbus states, as xen/io/xenbus.h numbers them */
	BACKEND_ABSENT = -1,
	BACKEND_INITIALISING = 1,
	BACKEND_WAITS = 2,
	BACKEND_CONNECTED = 4,
	BACKEND_CLOSED = 6,
};
struct store_device {
	int64_t number;           /* devid */
	const char *vdev;         /* of a disk: what xl calls it */
	const char *target;       /* of a disk: the file or device behind it */
	bool writes;              /* of a disk */
	const char *mac, *bridge; /* of a nic */
	const char *backend;      /* path of the backend */
	bool qdisk;               /* served by a QEMU */
	int64_t state;            /* of the backend; BACKEND_ABSENT */
	const char *error;        /* hotplug-error or NULL */
	bool plugged;             /* its script has ended well; a qdisk has none */
	const char *node;         /* of a disk that is a file: the loop device, or NULL */
	/* what does not mend by itself; a device that comes goes through fault_unserved or fault_hotplug */
	enum fault fault;
};
/* kind: "vbd" or "vif"; items are struct store_device. */
struct list store_devices(struct store *, struct arena *, int64_t domid, const char *kind);
/* How many vcpus of a domain are asked to be online, in what dom0 writes; 0 if that is not known. */
int64_t store_vcpus(struct store *, int64_t domid);
/* Are backends of this (gone) domain left over? Also true where that is not known. */
bool store_backends_left(struct store *, int64_t domid);
/* Removes them: for a domain that is gone, and whose toolstack was killed. */
void store_backends_remove(struct store *, int64_t domid);
/* Has it a QEMU? */
bool store_device_model(struct store *, int64_t domid);
