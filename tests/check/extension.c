/* Extension modules with one fault each: -DNAME=stock -DKIND_... says which. */

#include <signal.h>
#include <unistd.h>

#if __has_include(<Python.h>)
#include <Python.h>
#else
/* Without the headers, what is needed of the stable ABI of builds with a GIL, by hand. */
typedef struct { long refcount; void *type; } PyObject;
typedef struct { int slot; void *value; } PyModuleDef_Slot;
typedef struct {
    PyObject object; void *init; long index; void *copy;
    const char *m_name; const char *m_doc; long m_size; void *m_methods;
    PyModuleDef_Slot *m_slots; void *m_traverse; void *m_clear; void (*m_free)(void *);
} PyModuleDef;
#define PyModuleDef_HEAD_INIT {1, 0}, 0, 0, 0
#define PyMODINIT_FUNC __attribute__((visibility("default"))) PyObject *
#define Py_mod_exec 2
#define Py_mod_multiple_interpreters 3
#define Py_mod_gil 4
#define Py_MOD_PER_INTERPRETER_GIL_SUPPORTED ((void *)2)
#define Py_MOD_GIL_NOT_USED ((void *)1)
PyObject *PyModuleDef_Init(PyModuleDef *);
PyObject *PyModule_Create2(PyModuleDef *, int);
#define PyModule_Create(definition) PyModule_Create2(definition, 1013)
extern PyObject *PyExc_ImportError;
void PyErr_SetString(PyObject *, const char *);
void *PyInterpreterState_Get(void);
long PyInterpreterState_GetID(void *);
void *PyEval_SaveThread(void);
void PyEval_RestoreThread(void *);
#endif

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

/* Of the process, as the C globals of most extension modules are. */
static int loads, loading;

static int elsewhere(void)
{
    return PyInterpreterState_GetID(PyInterpreterState_Get()) != 0;
}

static int refuse(const char *why)
{
    PyErr_SetString(PyExc_ImportError, why);
    return -1;
}

static int execute(PyObject *module)
{
    (void)module;
    int earlier = __atomic_fetch_add(&loads, 1, __ATOMIC_SEQ_CST);
#if defined(KIND_itself)
    if (elsewhere())
        return refuse("only for the main interpreter");
#elif defined(KIND_second)
    if (earlier)
        return refuse("cannot load module more than once per process");
#elif defined(KIND_crash)
    if (earlier)
        raise(SIGSEGV);
#elif defined(KIND_racing)
    if (elsewhere()) {
        if (__atomic_fetch_add(&loading, 1, __ATOMIC_SEQ_CST))
            return refuse("another interpreter is just loading it");
        /* The first of the process gives a second one time to come, which without a GIL cannot
           be created while a thread does not let itself be stopped. */
        void *thread = PyEval_SaveThread();
        for (int i = 0; !earlier && i < 200 && __atomic_load_n(&loading, __ATOMIC_SEQ_CST) < 2; i++)
            usleep(10000);
        PyEval_RestoreThread(thread);
        __atomic_fetch_sub(&loading, 1, __ATOMIC_SEQ_CST);
    }
#elif defined(KIND_hang)
    while (elsewhere())
        pause();
#elif defined(KIND_broken)
    return refuse("no such library");
#endif
    (void)earlier, (void)loading, (void)refuse, (void)elsewhere;
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)execute},
#if !defined(KIND_undeclared)
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if !defined(KIND_gil)
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, 0},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = TEXT(NAME),
#if defined(KIND_single)
    .m_size = -1,
#else
    .m_slots = slots,
#endif
};

PyMODINIT_FUNC JOIN(PyInit_, NAME)(void)
{
#if defined(KIND_single)
    (void)slots, (void)execute;
    return PyModule_Create(&definition);
#else
    return PyModuleDef_Init(&definition);
#endif
}
